import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.flexibility import mpan


@pytest.mark.parametrize("core", ["1234567890126", "2000000000015", "1000000000040", "1012345678903", "1900000123452"])
def test_a_core_with_its_check_digit_is_valid(core: str) -> None:
    assert mpan.core(core) == core


@pytest.mark.parametrize(
    "written",
    [
        "12 3456 7890 126",
        "12-3456-7890-126",
        "S1234567890126",
        "s 00 801 902 12 3456 7890 126",
        "008019021234567890126",
    ],
)
def test_people_write_it_in_many_ways(written: str) -> None:
    assert mpan.core(written) == "1234567890126"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("1234567890127", "CHECK_DIGIT"),
        ("", "LENGTH"),
        ("S", "LENGTH"),
        ("12345678901267", "LENGTH"),
        ("123456789012A", "NOT_DIGITS"),
        ("12345678901२6", "NOT_DIGITS"),
        ("008019021234567890127", "CHECK_DIGIT"),
    ],
)
def test_what_is_none_is_refused_with_its_reason(written: str, reason: str) -> None:
    with pytest.raises(Invalid) as error:
        mpan.core(written)
    assert (error.value.code, error.value.facts["reason"]) == ("INVALID_MPAN", reason)


@pytest.mark.parametrize("mprn", ["123456", "1234567890", "12345678901"])
def test_a_gas_number_is_recognised(mprn: str) -> None:
    with pytest.raises(Invalid, match="gas supply's number"):
        mpan.core(mprn)


@given(st.integers(0, 10**12 - 1), st.integers(0, 11), st.integers(1, 9))
def test_a_mistyped_digit_is_found(number: int, at: int, by: int) -> None:
    """Except where the remainder is 10 on one side and 0 on the other, which share their check digit."""
    twelve = f"{number:012}"
    wrong = twelve[:at] + str((int(twelve[at]) + by) % 10) + twelve[at + 1 :]
    weights = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)
    before, after = (sum(w * int(d) for w, d in zip(weights, each, strict=True)) % 11 for each in (twelve, wrong))
    same = mpan.check_digit(twelve) == mpan.check_digit(wrong)
    assert same == ({before, after} == {0, 10})

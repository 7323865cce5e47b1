"""Install codes: vectors of contract 3.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.devices.install_code import CodePolicy, aes_mmo, check, crc16_x25, normalise
from energygrid.errors import Invalid

STRICT = CodePolicy()
BARE = CodePolicy(allow_bare=True)
VECTORS = [
    ("83FED3407A93", "2B70", "CD4FA064773F46941EC986C09963D1A8"),
    ("83FED3407A939738", "C552", "A833A77434F3BFBD7A7AB97942149287"),
    ("83FED3407A939723A5C639FF", "4C12", "58C1828CF7F1C3FE29E7B1024AD84BFA"),
    ("83FED3407A939723A5C639B26916D505", "C3B5", "66B6900981E1EE3CA4206B6B861C02BB"),
]


def refused(text: str, policy: CodePolicy) -> bool:
    with pytest.raises(Invalid) as refusal:
        check(text, policy)
    assert not text or text not in str(refusal.value) + repr(refusal.value.facts)
    return refusal.value.code == "INVALID_INSTALL_CODE"


def test_crc_check_value() -> None:
    assert crc16_x25(b"123456789") == 0x906E


def test_hash_of_one_byte_and_of_one_block() -> None:
    assert aes_mmo(bytes([0xC0])).hex().upper() == "AE3A102A28D43EE0D4A09E22788B206C"
    assert aes_mmo(bytes(range(0xC0, 0xD0))).hex().upper() == "A7977E88BC0B61E8210827109A228F2D"


@pytest.mark.parametrize(("code", "crc", "key"), VECTORS)
def test_all_four_lengths_with_their_crc_and_link_key(code: str, crc: str, key: str) -> None:
    checked = check(code + crc, STRICT)
    assert checked.text == code + crc
    assert (checked.link_key() or b"").hex().upper() == key


@pytest.mark.parametrize(("code", "crc", "key"), VECTORS)
def test_a_code_without_crc_needs_the_tenants_leave(code: str, crc: str, key: str) -> None:
    assert refused(code, STRICT)
    assert check(code, BARE).text == code + crc


def test_sixteen_digits_are_six_bytes_with_crc_before_they_are_eight_without() -> None:
    assert check("83FED3407A932B70", BARE).text == "83FED3407A932B70"
    # The overview's sample: its last four digits are no CRC (that would be 88CC).
    assert refused("A1B2C3D4E5F6A7B8", STRICT)
    assert check("A1B2C3D4E5F6A7B8", BARE).text == "A1B2C3D4E5F6A7B81F9A"


@pytest.mark.parametrize("text", ["83fe-d340 7a93:2b70", "83:FE:D3:40:7A:93:2B:70", " 83FED3407A932B70 "])
def test_separators_and_case_do_not_matter(text: str) -> None:
    assert check(text, STRICT).text == "83FED3407A932B70"


def test_a_zigbee_3_tenant_takes_36_digits_only() -> None:
    policy = CodePolicy(allow_bare=True, zigbee_3_only=True)
    for code, crc, _ in VECTORS[:3]:
        assert refused(code + crc, policy)
    code, crc, _ = VECTORS[3]
    assert refused(code, policy)
    assert check(code + crc, policy).text == code + crc


@pytest.mark.parametrize(
    "text", ["", "TUTORIAL-INSTALL-CODE-001", "83FED3407A93", "8" * 37, "83FED3407A932B7G", "é" * 16]
)
def test_anything_else_is_no_code(text: str) -> None:
    assert refused(text, STRICT)


def test_a_listed_fixture_is_accepted_as_it_stands_and_has_no_key() -> None:
    code = check("Tutorial-Install-Code-001", STRICT, allow_listed=True)
    assert code.text == normalise("TUTORIAL-INSTALL-CODE-001")
    assert code.link_key() is None


@given(st.sampled_from([6, 8, 12, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n)), st.data())
def test_any_one_wrong_digit_is_noticed(raw: bytes, data: st.DataObject) -> None:
    full = (raw + crc16_x25(raw).to_bytes(2, "little")).hex().upper()
    assert check(full, STRICT).text == full
    place = data.draw(st.integers(0, len(full) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789ABCDEF" if digit != full[place]]))
    assert refused(full[:place] + other + full[place + 1 :], STRICT)


def test_a_code_never_shows_itself() -> None:
    assert "83FE" not in repr(check("83FED3407A932B70", STRICT))

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.greenbutton.window import Window, seconds_of, window_of

AUGUST = 1_533_081_600  # 2018-08-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-08-01T00:00:00Z", AUGUST),
        ("2018-08-01t00:00:00z", AUGUST),
        ("2018-08-01T00:00:00.000Z", AUGUST),
        ("2018-08-01T02:00:00+02:00", AUGUST),
        ("2018-08-01T02:00:00 02:00", AUGUST),  # an unescaped plus
        ("2018-07-31T20:00:00-04:00", AUGUST),
        ("2018-07-31T20:00:00-0400", AUGUST),
        ("2018-08-01", AUGUST),
        ("2018-08-01T00:00:00", AUGUST),
        ("2018-08-01 00:00:00Z", AUGUST),
        ("9999-12-31T23:59:59-14:00", 253_402_300_799 + 14 * 3600),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
    ],
)
def test_times_are_read_as_live_clients_write_them(text: str, expected: int) -> None:
    assert seconds_of("published-min", text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "abc", "03/01/2016", "2016", "2016-13-01", "2016-02-30", "2018-08-01T25:00:00Z", "2018-08-01T00:00:00+99:99",
     "2018-08-01T00:00:00ZZ", "1533081600", "٢٠١٨-08-01"],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid, match="published-max is not a time") as refused:
        seconds_of("published-max", text)
    assert refused.value.facts == {"parameter": "published-max"}


def test_a_fraction_narrows_the_window() -> None:
    text = "2018-08-01T00:00:00.25Z"
    assert seconds_of("updated-min", text) == AUGUST + 1
    assert seconds_of("updated-max", text) == AUGUST


def test_a_window_has_the_four_parameters_and_ignores_others() -> None:
    asked = [("published-min", "2018-08-01"), ("updated-max", "2018-08-01T00:00:01Z"), ("limit", "x")]
    assert window_of(asked) == Window(published_min=AUGUST, updated_max=AUGUST + 1)
    assert window_of([("publishedMin", "2018-08-01")]) == Window(published_min=AUGUST)


@pytest.mark.parametrize("kind", ["published", "updated"])
def test_a_window_that_ends_before_it_begins_is_refused(kind: str) -> None:
    with pytest.raises(Invalid, match=f"{kind}-min lies after {kind}-max"):
        window_of([(f"{kind}-min", "2018-08-02"), (f"{kind}-max", "2018-08-01")])


def test_a_parameter_given_twice_must_say_the_same() -> None:
    assert window_of([("published-min", "2018-08-01")] * 2).published_min == AUGUST
    with pytest.raises(Invalid, match="twice"):
        window_of([("published-min", "2018-08-01"), ("published-min", "2018-08-02")])


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1)), st.integers(-840, 840))
def test_an_instant_is_the_same_in_every_offset(instant: datetime, minutes: int) -> None:
    utc = instant.replace(microsecond=0, tzinfo=UTC)
    there = utc.astimezone(timezone(timedelta(minutes=minutes)))
    assert seconds_of("published-min", there.isoformat()) == int(utc.timestamp())

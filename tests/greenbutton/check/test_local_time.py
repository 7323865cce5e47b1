"""DST words, read back: against the zones they were made from (contracts/greenbutton.md 3.8)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.greenbutton.check.conftest import R, entry_text

from energygrid.greenbutton.check.document import read
from energygrid.greenbutton.check.local_time import LocalTime, local_time

ZONES = {
    "America/New_York": (-18000, 3600, "360E2000", "B40E2000"),
    "America/Los_Angeles": (-28800, 3600, "360E2000", "B40E2000"),
    "Europe/Berlin": (3600, 3600, "3E0E2000", "AE0E3000"),
    "Europe/London": (0, 3600, "3E0E1000", "AE0E2000"),
    "Australia/Sydney": (36000, 3600, "A40E2000", "440E3000"),
    "Australia/Lord_Howe": (37800, 1800, "A40E2000", "440E2000"),
    "America/Phoenix": (-25200, 0, "FFFFFFFF", "FFFFFFFF"),
    "Asia/Kolkata": (19800, 0, "FFFFFFFF", "FFFFFFFF"),
}


def parameters(offset: object, saving: object, start: str, end: str) -> LocalTime:
    content = (
        f"<dstEndRule>{end}</dstEndRule><dstOffset>{saving}</dstOffset><dstStartRule>{start}</dstStartRule>"
        f"<tzOffset>{offset}</tzOffset>"
    )
    document = read(entry_text("LocalTimeParameters", content, f"{R}/LocalTimeParameters/1").encode())
    return local_time(document.entries[0])


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [2024, 2026, 2031])
def test_offsets_are_those_of_the_zone_hour_by_hour(zone: str, year: int) -> None:
    clock = parameters(*ZONES[zone])
    instant = datetime(year, 1, 1, tzinfo=UTC)
    while instant.year == year:
        wanted = instant.astimezone(ZoneInfo(zone)).utcoffset()
        assert wanted is not None
        assert clock.offset_at(int(instant.timestamp())) == wanted.total_seconds(), instant
        instant += timedelta(hours=1)


@pytest.mark.parametrize("zone", ZONES)
def test_lengths_of_days_are_those_of_the_zone(zone: str) -> None:
    clock, where = parameters(*ZONES[zone]), ZoneInfo(zone)
    for number in range(365):
        day = datetime(2026, 1, 1) + timedelta(days=number)
        start, end = (int(each.replace(tzinfo=where).timestamp()) for each in (day, day + timedelta(days=1)))
        assert clock.is_midnight(start)
        assert clock.day_length(start) == end - start, day


def test_a_day_of_the_month_and_a_quarter_to_two() -> None:
    """The third Friday of March at 01:45, from the standard's own example."""
    clock = parameters(0, 3600, "380A1A8C", "B40E2000")
    assert clock.begin is not None
    assert datetime.fromtimestamp(clock.begin.in_year(2026), UTC) == datetime(2026, 3, 20, 1, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((-18000, 3600, "360E", "B40E"), "4 hexadecimal digits"),
        ((-18000, 3600, "March", "B40E2000"), "not eight hexadecimal digits"),
        ((-18000, 3600, "060E2000", "B40E2000"), "names no day"),
        ((-18000, 36000, "360E2000", "B40E2000"), "put forward"),
        ((-18000000, 3600, "360E2000", "B40E2000"), "no clock"),
        (("", 3600, "360E2000", "B40E2000"), "whole number"),
    ],
)
def test_parameters_that_cannot_be_are_said(wrong: tuple[object, object, str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parameters(*wrong)

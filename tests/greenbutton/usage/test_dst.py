import pytest

from energygrid.greenbutton.usage.dst import LocalTime, local_time

PUBLISHED = {
    "America/New_York": ("B40E2000", 3600, "360E2000", -18000),
    "America/Detroit": ("B40E2000", 3600, "360E2000", -18000),
    "America/Los_Angeles": ("B40E2000", 3600, "360E2000", -28800),
    "Europe/Berlin": ("AE0E3000", 3600, "3E0E2000", 3600),
    "Europe/London": ("AE0E2000", 3600, "3E0E1000", 0),
    "Australia/Sydney": ("440E3000", 3600, "A40E2000", 36000),
    "Australia/Lord_Howe": ("440E2000", 1800, "A40E2000", 37800),
    "America/Phoenix": ("FFFFFFFF", 0, "FFFFFFFF", -25200),
    "Asia/Kolkata": ("FFFFFFFF", 0, "FFFFFFFF", 19800),
    "UTC": ("FFFFFFFF", 0, "FFFFFFFF", 0),
}
"""contracts/greenbutton.md 3.8."""


@pytest.mark.parametrize("zone", PUBLISHED)
def test_the_words_are_those_of_the_published_examples(zone: str) -> None:
    assert local_time(zone, 2026) == LocalTime(*PUBLISHED[zone])


def test_a_rule_on_or_after_a_day_of_the_month_says_so() -> None:
    """Israel: the Friday before the last Sunday of March, which is the Friday on or after the 23rd."""
    assert local_time("Asia/Jerusalem", 2026).dst_start == "337A2000"


def test_dates_by_the_moon_are_those_of_the_year() -> None:
    """Morocco: back on 15 February 2026 at 03:00, forward on 22 March at 02:00."""
    assert local_time("Africa/Casablanca", 2026) == LocalTime("20F03000", 3600, "31602000", 0)
    assert local_time("Africa/Casablanca", 2027) != local_time("Africa/Casablanca", 2026)


def test_a_zone_that_gave_summer_time_up_has_none_afterwards() -> None:
    assert local_time("America/Sao_Paulo", 2018).dst_offset == 3600
    assert local_time("America/Sao_Paulo", 2026) == LocalTime("FFFFFFFF", 0, "FFFFFFFF", -10800)

"""Who looked: words for a customer instead of addresses, a line for each kind of data and local day."""

from datetime import UTC, datetime, timedelta

import pytest

from energygrid.surfaces.portal.looks import looks

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
POINT = "/Subscription/1/UsagePoint/2"


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/Batch/Subscription/1", "All readings, bills and power quality"),
        ("/Batch/Subscription/1/UsagePoint/2", "All readings, bills and power quality"),
        ("/Batch/RetailCustomer/1/UsagePoint", "All readings, bills and power quality"),
        ("/Batch/RetailCustomer/1", "Account details"),
        ("/RetailCustomer/1/Customer/2/CustomerAccount", "Account details"),
        (f"{POINT}/MeterReading/3/IntervalBlock/4", "Meter readings"),
        (f"{POINT}/MeterReading", "Which meters there are"),
        (f"{POINT}/UsageSummary", "Bills"),
        (f"{POINT}/ElectricPowerQualitySummary/7", "Power quality"),
        ("/LocalTimeParameters", "Which meters there are"),
        ("/Non-ESPI/statements/9", "A bill as you got it"),
        ("", "Which meters there are"),
    ],
)
def test_an_address_is_said_in_words(path: str, what: str) -> None:
    assert [each.what for each in looks([(NOW, path)], "UTC")] == [what]


def test_looks_of_a_local_day_at_the_same_are_one_line_with_the_latest_time() -> None:
    """03:00 UTC is the evening before in Detroit."""
    hours = [15, 14, 3]
    reads = [(NOW.replace(hour=hour), f"{POINT}/UsageSummary") for hour in hours]
    reads.append((NOW - timedelta(days=3), "/Batch/RetailCustomer/1"))
    found = looks(reads, "America/Detroit")
    assert [(each.at.hour, each.at.day, each.times) for each in found] == [(15, 2, 2), (3, 2, 1), (15, 27, 1)]

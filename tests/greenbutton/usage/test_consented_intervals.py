"""IntervalDuration: nothing finer than what was consented to, and sums are exact or not there."""

from datetime import UTC, datetime

import pytest
from tests.greenbutton.usage.conftest import ESPI, NAN, Utility, at, text

from energygrid.access.consents.espi_scope import parse_scope
from energygrid.greenbutton.usage.codes import MONTH_S
from energygrid.greenbutton.usage.served import given_interval
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Flow, Kind

START = at(2026, 1, 1, 5)


@pytest.mark.parametrize(
    ("stored", "scope", "given"),
    [
        (900, "FB=4", 900),
        (900, "FB=4;IntervalDuration=900", 900),
        (900, "FB=4;IntervalDuration=900_3600", 900),
        (900, "FB=4;IntervalDuration=3600", 3600),
        (900, "FB=4;IntervalDuration=3600_86400", 3600),
        (900, "FB=4;IntervalDuration=86400", 86_400),
        (900, "FB=4;IntervalDuration=Monthly", MONTH_S),
        (900, "FB=4;IntervalDuration=1000", None),
        (300, "FB=4;IntervalDuration=900", 900),
        (1800, "FB=4;IntervalDuration=900_3600", 1800),
        (86_400, "FB=4;IntervalDuration=900_3600", 86_400),
        (86_400, "FB=4;IntervalDuration=Monthly", MONTH_S),
        (0, "FB=4", 0),
        (0, "FB=4;IntervalDuration=900", None),
        (0, "FB=4_9;IntervalDuration=900", 0),
    ],
)
def test_the_interval_that_is_given(stored: int, scope: str, given: int | None) -> None:
    assert given_interval(stored, parse_scope(scope)) == given


def test_quarter_hours_are_added_up_to_hours_and_one_missing_makes_the_hour_missing(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1, 0.2, 0.3, 0.1, 1.0, NAN, 1.0, 1.0, 0.001, 0.001, 0.001, 0.001])
    feed = utility.parsed(utility.share("m1", scope="FB=4;IntervalDuration=3600"))
    assert feed.readings() == [(START, 3600, 700_000), (START + 7200, 3600, 4000)]
    assert text(feed.contents("ReadingType")[0], "intervalLength") == "3600"


def test_the_worst_quality_of_an_hour_is_its_own(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    marks = [Quality.ACTUAL, Quality.ESTIMATED, Quality.ACTUAL, Quality.ACTUAL]
    utility.readings("m1", START, [0.1] * 4, quality=marks)
    (block,) = utility.parsed(utility.share("m1", scope="FB=4;IntervalDuration=3600")).contents("IntervalBlock")
    (reading,) = block.iter(f"{ESPI}IntervalReading")
    assert text(reading, "ReadingQuality", "quality") == "8"


def test_days_of_23_and_25_hours_and_months_are_local(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    begin = at(2025, 11, 1, 4)
    utility.readings("m1", begin, [0.25] * (30 * 96 + 4))
    days = utility.parsed(utility.share("m1", scope="FB=4;IntervalDuration=86400")).readings()
    assert len(days) == 30
    assert days[1] == (at(2025, 11, 2, 4), 90_000, 25_000_000)
    months = utility.parsed(utility.share("m1", scope="FB=4;IntervalDuration=Monthly")).readings()
    assert months == [(begin, 30 * 86_400 + 3600, (30 * 96 + 4) * 250_000)]


def test_demand_is_the_highest_and_power_the_mean(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [1.0, 4.0, 2.0, 1.0], kind=Kind.DEMAND, unit="kW")
    utility.readings("m1", START, [1.0, 4.0, 2.0, 1.0], kind=Kind.POWER, unit="kW", flow=Flow.NET)
    feed = utility.parsed(utility.share("m1", scope="FB=4;IntervalDuration=3600"))
    assert [value for _, _, value in feed.readings()] == [4_000_000, 2_000_000]


def test_an_hour_is_given_only_when_all_of_it_was_the_customers(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.25] * 16)
    limits = {"data_from": datetime(2026, 1, 1, 5, 15, tzinfo=UTC)}
    feed = utility.parsed(utility.share("m1", scope="FB=4;IntervalDuration=3600", **limits))
    assert [start for start, _, _ in feed.readings()] == [START + 3600, START + 7200, START + 10_800]

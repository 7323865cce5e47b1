"""Equal versions mean equal bytes, also when data change while a feed is written."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.greenbutton.usage.conftest import KNOWN, NOW, Utility, at

from energygrid.billing.records.record import RecordKind
from energygrid.errors import Unavailable
from energygrid.greenbutton.feed import Feed, xml
from energygrid.greenbutton.window import Window
from energygrid.metering.readings import Flow

START = at(2025, 1, 1, 5)
LATER = KNOWN + timedelta(days=1)
MCH = {
    "ContractAccount": "A-1",
    "MeterId": "m1",
    "BillingStart": "2025-02-01",
    "BillingEnd": "2025-02-28",
    "TotalConsumption": "10",
    "Cost": "5",
}


def interrupted(feed: Feed, change: Callable[[], None]) -> bytes:
    """The feed's bytes when `change` happens after the first piece was written."""
    pieces = xml(feed)
    first = next(pieces)
    change()
    return first + b"".join(pieces)


@pytest.fixture
def two_years(utility: Utility) -> Utility:
    """More than fits into the first page, of two series."""
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.25] * 96 * 400)
    utility.readings("m1", START, [0.5] * 96 * 400, flow=Flow.RECEIVED)
    return utility


def test_what_is_corrected_meanwhile_is_read_as_it_was(two_years: Utility) -> None:
    feed = two_years.feed(two_years.share("m1"))
    expected = b"".join(xml(feed))

    def change() -> None:
        for day in (0, 150, 399):
            two_years.readings("m1", START + day * 86_400, [9.0, 9.0], known=LATER)
            two_years.readings("m1", START + day * 86_400, [8.0], known=LATER, flow=Flow.RECEIVED)
        two_years.readings("m1", START + 500 * 86_400, [7.0] * 96, known=LATER)

    assert interrupted(feed, change) == expected
    renewed = two_years.feed(two_years.share("m1"))
    assert renewed.version != feed.version
    assert b"".join(xml(renewed)) != expected


def test_a_change_that_bears_an_earlier_time_breaks_the_feed_off(two_years: Utility) -> None:
    """A long import begins, and is known from, before others; what it changes cannot be told from what was there."""
    feed = two_years.feed(two_years.share("m1"))
    earlier = KNOWN - timedelta(days=1)
    with pytest.raises(Unavailable, match="changed"):
        interrupted(feed, lambda: two_years.readings("m1", START + 500 * 86_400, [9.0] * 96, known=earlier))


def test_a_bill_that_comes_meanwhile_breaks_the_feed_off(two_years: Utility) -> None:
    feed = two_years.feed(two_years.share("m1"))
    with pytest.raises(Unavailable, match="changed"):
        interrupted(feed, lambda: two_years.records(RecordKind.MCH, MCH))


def test_the_version_changes_with_everything_that_is_shown(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}, {"meterId": "m2"}])
    versions = [utility.feed(utility.share("m1")).version]

    def differs() -> None:
        versions.append(utility.feed(utility.share("m1")).version)
        assert len(set(versions)) == len(versions)

    utility.readings("m1", START, [0.25] * 96)
    differs()
    utility.readings("m1", START, [0.5], known=LATER)
    differs()
    utility.registers("m1", {START: 1.0})
    differs()
    utility.records(RecordKind.MCH, MCH)
    differs()
    utility.records(RecordKind.MCH, MCH | {"Cost": "6"}, known=LATER)
    differs()
    quality = {"MeterId": "m1", "PeriodStart": "2025-01-01", "PeriodEnd": "2025-01-31", "PowerFrequency": "60"}
    utility.records(RecordKind.POWER_QUALITY, quality)
    differs()
    utility.customer([{"meterId": "m1", "rateCode": "RES2"}, {"meterId": "m2"}], now=datetime(2025, 5, 1, tzinfo=UTC))
    differs()
    versions.append(utility.feed(utility.share("m1", scope="FB=4_15_16")).version)
    versions.append(utility.feed(utility.share("m1", "m2")).version)
    versions.append(utility.feed(utility.share("m1"), Window(published_min=START)).version)
    assert len(set(versions)) == len(versions)


def test_the_version_does_not_change_with_time_or_with_what_is_not_shown(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}, {"meterId": "m2"}])
    utility.readings("m1", START, [0.25] * 96)
    before = utility.feed(utility.share("m1"))
    utility.readings("m2", START, [0.25] * 96)
    utility.records(RecordKind.MCH, MCH | {"MeterId": "m2"})
    after = utility.feed(utility.share("m1", now=NOW + timedelta(days=20)))
    assert before.version == after.version
    assert b"".join(xml(before)) == b"".join(xml(after))


def test_the_feeds_time_is_that_of_its_newest_part(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.25] * 96)
    assert utility.feed(utility.share("m1")).updated == KNOWN
    utility.records(RecordKind.MCH, MCH, known=LATER)
    assert utility.feed(utility.share("m1")).updated == LATER


def test_nothing_is_read_before_it_is_asked_for_and_the_first_piece_comes_with_the_first_entry(
    two_years: Utility,
) -> None:
    pieces = xml(two_years.feed(two_years.share("m1")))
    first = next(pieces)
    assert b"<title>UsagePoint</title>" in first
    assert b"IntervalReading" not in first
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) < 4 << 20
    assert len(sizes) > 4


def test_a_feed_says_how_many_readings_it_may_have(two_years: Utility) -> None:
    feed = two_years.feed(two_years.share("m1"))
    assert 2 * 96 * 400 <= feed.readings <= 2 * 96 * 402

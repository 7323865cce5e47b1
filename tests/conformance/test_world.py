"""The data behind these checks are as hard as they are said to be."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lxml import etree
from tests.conformance.conftest import USAGE, body, entries, links
from tests.conformance.expected import stored

ZONE = ZoneInfo("America/Detroit")


def blocks(batch: etree._Element) -> list[etree._Element]:
    """Those of interval data; register reads have blocks of another kind."""
    data = {
        href
        for kind in entries(batch, "ReadingType")
        if body(kind).findtext(f"{{{USAGE}}}accumulationBehaviour") == "4"
        for href in links(kind, "related")
    }
    return [body(entry) for entry in entries(batch, "IntervalBlock") if data & set(links(entry, "related"))]


def test_there_are_days_of_23_24_and_25_hours(batch) -> None:
    lengths = Counter(int(each.findtext(f"{{{USAGE}}}interval/{{{USAGE}}}duration")) for each in blocks(batch))
    assert lengths.keys() == {82_800, 86_400, 90_000}
    assert lengths[82_800] == 5
    assert lengths[90_000] == 10


def test_every_block_is_one_local_day(batch) -> None:
    for block in blocks(batch):
        start = int(block.findtext(f"{{{USAGE}}}interval/{{{USAGE}}}start"))
        end = start + int(block.findtext(f"{{{USAGE}}}interval/{{{USAGE}}}duration"))
        first, last = (datetime.fromtimestamp(each, UTC).astimezone(ZONE) for each in (start, end))
        assert (first.hour, first.minute, last.hour, last.minute) == (0, 0, 0, 0)
        assert (last.date() - first.date()).days == 1


def test_there_are_several_meters_of_three_commodities_and_both_ways_and_net(world) -> None:
    assert stored(world).keys() == {("1", "1"), ("1", "19"), ("1", "4"), ("7", "1"), ("9", "1")}


def test_there_are_negative_net_values(world) -> None:
    net = stored(world)["1", "4"].values
    assert min(net) < 0 < max(net)


def test_there_is_a_gap_and_it_is_left_out(world, batch) -> None:
    delivered = stored(world)["1", "1"]
    steps = Counter(later - earlier for earlier, later in zip(delivered.starts, delivered.starts[1:], strict=False))
    assert max(steps) == 900 + 4 * 3600
    short = [each for each in blocks(batch) if len(each) == 1 + 80]
    assert short


def test_there_are_estimates_and_a_corrected_day(batch) -> None:
    qualities = Counter(each.text for each in batch.iter(f"{{{USAGE}}}quality"))
    assert qualities
    updated = {each.findtext("{*}updated") for each in entries(batch, "IntervalBlock")}
    assert len(updated) > 1


def test_there_are_bills_with_lines_and_power_quality(batch) -> None:
    summaries = [body(each) for each in entries(batch, "UsageSummary")]
    assert len(summaries) >= 3 * 12
    assert any(each.find(f"{{{USAGE}}}costAdditionalDetailLastPeriod") is not None for each in summaries)
    assert entries(batch, "ElectricPowerQualitySummary")


def test_there_are_costs_of_intervals_with_their_time_of_use(batch) -> None:
    costs = list(batch.iter(f"{{{USAGE}}}cost"))
    assert len(costs) > 300 * 96
    assert len({each.findtext(f"{{{USAGE}}}tou") for each in batch.iter(f"{{{USAGE}}}IntervalReading")}) > 1


def test_there_are_register_reads(batch) -> None:
    behaviours = {each.text for each in batch.iter(f"{{{USAGE}}}accumulationBehaviour")}
    assert "1" in behaviours

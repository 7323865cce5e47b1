"""What stands in a batch feed, and that all of it is valid."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from tests.greenbutton.usage.conftest import BASE, ESPI, KNOWN, NAN, Parsed, Utility, at, link, stamps, text

from energygrid.errors import NotFound
from energygrid.greenbutton.check import run as check
from energygrid.greenbutton.feed import feed_of, interval_blocks, xml
from energygrid.greenbutton.usage import views
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind

DAY = [n / 1000 for n in range(96)]


def test_one_meter_in_the_order_in_which_clients_understand_it(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2026, 1, 1, 5), DAY * 2)
    feed = utility.parsed(utility.share("m1"))
    assert feed.order() == [
        "UsagePoint",
        "LocalTimeParameters",
        "ReadingType",
        "MeterReading",
        "IntervalBlock",
        "IntervalBlock",
    ]
    assert feed.readings() == [(at(2026, 1, 1, 5) + n * 900, 900, n % 96 * 1000) for n in range(192)]


def test_links_join_the_entries_character_for_character(utility: Utility) -> None:
    """FB_01 and FB_04: contracts/greenbutton.md 2.3."""
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2026, 1, 1, 5), DAY)
    feed = utility.parsed(utility.share("m1"))
    (point,), (zone,), (kind,), (reading,), (block,) = (
        feed.entries(name)
        for name in ("UsagePoint", "LocalTimeParameters", "ReadingType", "MeterReading", "IntervalBlock")
    )
    assert link(point, "related", "espi-feed/MeterReading") == link(reading, "up")
    assert link(point, "related", "espi-entry/LocalTimeParameters") == link(zone, "self")
    assert link(reading, "related", "espi-entry/UsagePoint") == link(point, "self")
    assert link(reading, "related", "espi-feed/IntervalBlock") == link(block, "up")
    assert link(reading, "related", "espi-entry/ReadingType") == link(kind, "self")
    assert link(kind, "related", "espi-entry/MeterReading") == link(reading, "self")
    assert link(block, "related", "espi-entry/MeterReading") == link(reading, "self")
    for entry in (point, zone, kind, reading, block):
        own, tail = link(entry, "self"), link(entry, "self").rpartition("/")[2]
        assert own == f"{link(entry, 'up')}/{tail}"
        assert tail.isdigit()
        assert len(tail) >= 16


def test_a_usage_point_says_what_the_mirror_knows(utility: Utility) -> None:
    utility.customer([{"meterId": "m1", "rateCode": "RES7", "billingCycleId": 12}, {"meterId": "m2", "isAMI": False}])
    (first, second) = utility.parsed(utility.share("m1", "m2")).contents("UsagePoint")
    assert text(first, "ServiceCategory", "kind") == "0"
    assert text(first, "status") == "1"
    assert text(first, "serviceDeliveryPoint", "tariffProfile") == "RES7"
    assert text(first, "readCycle") == "12"
    assert (text(first, "amiBillingReady"), text(second, "amiBillingReady")) == ("amiCapable", "nonAmi")


def test_a_reading_type_writes_everything_that_clients_require(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2026, 1, 1, 5), DAY)
    (kind,) = utility.parsed(utility.share("m1")).contents("ReadingType")
    assert {each.tag.removeprefix(ESPI): str(each.text) for each in kind} == {
        "accumulationBehaviour": "4",
        "commodity": "1",
        "currency": "840",
        "dataQualifier": "12",
        "defaultQuality": "17",
        "flowDirection": "1",
        "intervalLength": "900",
        "kind": "12",
        "phase": "0",
        "powerOfTenMultiplier": "-3",
        "timeAttribute": "0",
        "uom": "72",
    }


@pytest.mark.parametrize(
    ("day", "begin", "hours"),
    [
        ("spring", at(2025, 3, 9, 5), 23),
        ("autumn", at(2025, 11, 2, 4), 25),
    ],
)
def test_a_local_day_has_23_or_25_hours_when_clocks_change(utility: Utility, day: str, begin: int, hours: int) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", begin - 86_400, [0.5] * 96 * 3)
    blocks = utility.parsed(utility.share("m1")).contents("IntervalBlock")
    found = [(int(str(text(b, "interval", "start"))), int(str(text(b, "interval", "duration")))) for b in blocks]
    assert (begin, hours * 3600) in found
    assert all(low + length == following for (low, length), (following, _) in pairwise(found))
    middle = next(b for b in blocks if text(b, "interval", "start") == str(begin))
    assert len(list(middle.iter(f"{ESPI}IntervalReading"))) == hours * 4


def test_a_gap_is_absent_and_never_zero(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    start = at(2026, 1, 1, 5)
    utility.readings("m1", start, [NAN, NAN, 0.1, NAN, 0.2, *[NAN] * 91, *[NAN] * 96, 0.3])
    feed = utility.parsed(utility.share("m1"))
    assert feed.readings() == [
        (start + 1800, 900, 100_000),
        (start + 3600, 900, 200_000),
        (start + 2 * 86_400, 900, 300_000),
    ]
    first, last = feed.contents("IntervalBlock")
    assert (text(first, "interval", "start"), text(first, "interval", "duration")) == (str(start + 1800), "2700")
    assert (text(last, "interval", "start"), text(last, "interval", "duration")) == (str(start + 2 * 86_400), "900")


def test_net_energy_may_be_negative_and_export_is_a_reading_of_its_own(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    start = at(2026, 1, 1, 5)
    utility.readings("m1", start, [-0.25, 0.5, -1.125], flow=Flow.NET)
    utility.readings("m1", start, [0.25, 0.0, 1.125], flow=Flow.RECEIVED)
    feed = utility.parsed(utility.share("m1"))
    assert [text(kind, "flowDirection") for kind in feed.contents("ReadingType")] == ["4", "19"]
    net, export = feed.contents("IntervalBlock")
    assert [value for _, _, value in feed.readings(net)] == [-250_000, 500_000, -1_125_000]
    assert [value for _, _, value in feed.readings(export)] == [250_000, 0, 1_125_000]


def test_qualities_are_written_where_they_are_not_the_default(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    marks = [Quality.ACTUAL, Quality.ESTIMATED, Quality.SUBSTITUTED, Quality.SUSPECT, Quality.RAW, Quality.UNKNOWN]
    utility.readings("m1", at(2026, 1, 1, 5), [1.0] * 6, quality=marks)
    (block,) = utility.parsed(utility.share("m1")).contents("IntervalBlock")
    written = [text(each, "ReadingQuality", "quality") for each in block.iter(f"{ESPI}IntervalReading")]
    assert written == [None, "8", "11", "10", "14", "16"]


def test_every_commodity_of_several_meters_is_valid(utility: Utility) -> None:
    utility.customer(
        [
            {"meterId": "e1"},
            {"meterId": "g1", "meterType": "Gas", "unitOfMeasure": "ccf"},
            {"meterId": "w1", "meterType": "Water", "unitOfMeasure": "gal"},
        ]
    )
    start = at(2026, 1, 1, 5)
    utility.readings("e1", start, DAY)
    utility.readings("e1", start, [1.5] * 24, interval_s=3600, kind=Kind.DEMAND, unit="kW")
    utility.readings("e1", start, [21.5] * 24, interval_s=3600, kind=Kind.TEMPERATURE, unit="degC")
    utility.readings("g1", start, [0.5] * 24, interval_s=3600, commodity=Commodity.GAS, kind=Kind.VOLUME, unit="ccf")
    utility.readings(
        "w1", at(2026, 1, 1), [3.25] * 40, interval_s=86_400, commodity=Commodity.WATER, kind=Kind.VOLUME, unit="gal"
    )
    feed = utility.parsed(utility.share("e1", "g1", "w1"))
    assert [text(point, "ServiceCategory", "kind") for point in feed.contents("UsagePoint")] == ["0", "1", "2"]
    assert len(feed.entries("LocalTimeParameters")) == 1
    assert [text(kind, "uom") for kind in feed.contents("ReadingType")] == ["72", "38", "6", "119", "128"]
    assert len({link(each, "self") for each in feed.root.iter("{http://www.w3.org/2005/Atom}entry")}) == len(
        feed.order()
    )


def test_daily_readings_come_in_blocks_of_a_month_and_last_a_local_day(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2025, 10, 30), [10.0] * 10, interval_s=86_400)
    feed = utility.parsed(utility.share("m1"))
    october, november = feed.contents("IntervalBlock")
    assert [length for _, length, _ in feed.readings(october)] == [86_400, 86_400]
    assert [length for _, length, _ in feed.readings(november)] == [86_400, 90_000, *[86_400] * 6]
    assert text(november, "interval", "start") == str(at(2025, 11, 1, 4))


def test_register_reads_are_points_in_time(utility: Utility) -> None:
    """FB_09: bulk quantity, interval length 0."""
    utility.customer([{"meterId": "m1"}])
    reads = {at(2025, 12, 31, 5): 1000.5, at(2026, 1, 15, 5): 1100.25, at(2026, 1, 31, 5): 1200.0}
    utility.registers("m1", reads)
    feed = utility.parsed(utility.share("m1"))
    assert feed.readings() == [(instant, 0, round(value * 1_000_000)) for instant, value in reads.items()]
    assert len(feed.entries("IntervalBlock")) == 2
    (kind,) = feed.contents("ReadingType")
    assert (text(kind, "accumulationBehaviour"), text(kind, "intervalLength")) == ("1", "0")


def test_a_meter_without_readings_is_a_usage_point_and_nothing_else(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    assert utility.parsed(utility.share("m1")).order() == ["UsagePoint", "LocalTimeParameters"]


def test_no_meter_at_all_is_an_empty_feed(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    assert utility.parsed(utility.share()).order() == []
    Parsed.of(b"".join(xml(feed_of("Green Button Usage Feed", f"{BASE}/ReadingType", "espi-feed/ReadingType", []))))


def test_one_usage_point_of_several(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}, {"meterId": "m2"}])
    ctx = utility.share("m1", "m2")
    feed = Parsed.of(b"".join(xml(utility.feed(ctx, usage_point=ctx.entitlement.meters[1].usage_point))))
    (point,) = feed.entries("UsagePoint")
    assert link(point, "self").endswith(ctx.entitlement.meters[1].usage_point)
    with pytest.raises(NotFound):
        utility.feed(ctx, usage_point="1")


def test_a_scope_without_interval_blocks_shows_no_readings(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2026, 1, 1, 5), DAY)
    feed = utility.parsed(utility.share("m1", scope="FB=15_16"))
    assert feed.order() == ["UsagePoint", "LocalTimeParameters"]
    (point,) = feed.entries("UsagePoint")
    assert "MeterReading" not in "".join(str(each.get("href")) for each in point.iter("{*}link"))


def test_lists_and_single_entries_are_those_of_the_feed(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2026, 1, 1, 5), DAY * 3)
    ctx = utility.share("m1")
    read, meter = utility.database.read, ctx.entitlement.meters[0]
    feed = utility.parsed(ctx)
    assert [link(each, "self") for each in feed.entries("UsagePoint")] == [read(views.usage_point, ctx, meter).href]
    assert read(views.usage_points, ctx) == [read(views.usage_point, ctx, meter)]
    (reading,) = read(views.meter_readings, ctx, meter)
    name = reading.href.rpartition("/")[2]
    assert read(views.meter_reading, ctx, meter, name) == reading
    assert read(views.meter_reading, ctx, meter, "1") is None
    (kind,) = read(views.reading_types, ctx)
    assert read(views.reading_type, ctx, kind.href.rpartition("/")[2]) == kind
    assert read(views.reading_type, ctx, "1") is None
    (zone,) = read(views.local_time_parameters, ctx)
    assert link(feed.entries("LocalTimeParameters")[0], "self") == zone.href
    blocks = Parsed.of(
        b"".join(xml(interval_blocks(utility.database, ctx, meter, name, href=f"{reading.href}/IntervalBlock")))
    )
    for entry in blocks.entries("IntervalBlock"):
        own = read(views.interval_block, ctx, meter, name, link(entry, "self").rpartition("/")[2])
        assert own is not None
        assert own.href == link(entry, "self")
        assert dict(own.content)["interval"] == (
            ("duration", int(str(text(entry.find("{*}content/*"), "interval", "duration")))),
            ("start", int(str(text(entry.find("{*}content/*"), "interval", "start")))),
        )


@pytest.mark.parametrize("block_id", ["1", "x", "", "9" * 17, "٣" * 16, "0" * 5000])
def test_an_unknown_block_is_none(utility: Utility, block_id: str) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2026, 1, 1, 5), DAY)
    ctx = utility.share("m1")
    (reading,) = utility.database.read(views.meter_readings, ctx, ctx.entitlement.meters[0])
    name = reading.href.rpartition("/")[2]
    assert utility.database.read(views.interval_block, ctx, ctx.entitlement.meters[0], name, block_id) is None


def test_ids_are_others_for_another_consent_and_the_same_for_this_one(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", at(2026, 1, 1, 5), DAY)
    first = utility.feed(utility.share("m1"))
    again = utility.feed(utility.share("m1"))
    assert first.version == again.version
    assert b"".join(xml(first)) == b"".join(xml(again)) == b"".join(xml(first))


def test_published_is_when_a_day_was_first_known_and_updated_when_last(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    later = datetime(2026, 2, 20, 4, 30, tzinfo=UTC)
    utility.readings("m1", at(2026, 1, 1, 5), DAY)
    before = utility.parsed(utility.share("m1"))
    utility.readings("m1", at(2026, 1, 1, 12), [9.5], known=later)
    after = utility.parsed(utility.share("m1"))
    assert stamps(before.entries("IntervalBlock")[0]) == ("2026-02-10T03:00:00Z", "2026-02-10T03:00:00Z")
    assert stamps(after.entries("IntervalBlock")[0]) == ("2026-02-10T03:00:00Z", "2026-02-20T04:30:00Z")
    assert link(before.entries("IntervalBlock")[0], "self") == link(after.entries("IntervalBlock")[0], "self")
    assert (at(2026, 1, 1, 12), 900, 9_500_000) in after.readings()
    assert later > KNOWN


def test_a_year_passes_the_checks_of_certification(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}, {"meterId": "g1", "meterType": "Gas", "unitOfMeasure": "therms"}])
    rng = np.random.default_rng(5)
    values = np.round(rng.gamma(2, 0.1, 96 * 400), 3)
    values[rng.random(len(values)) < 0.01] = np.nan
    utility.readings("m1", at(2025, 1, 1, 5), values.tolist())
    utility.readings("m1", at(2025, 1, 1, 5), (values - 0.2).tolist(), flow=Flow.NET)
    utility.readings(
        "g1", at(2025, 1, 1, 5), values[:500].tolist(), interval_s=3600, commodity=Commodity.GAS, unit="therm"
    )
    report = check(b"".join(xml(utility.feed(utility.share("m1", "g1")))))
    assert [each for each in report.findings if each.severity == "error"] == []

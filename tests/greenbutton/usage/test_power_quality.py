"""ElectricPowerQualitySummary: FB_17."""

from datetime import UTC, datetime
from typing import Any

from tests.greenbutton.usage.conftest import ESPI, Utility, at, link

from energygrid.billing.records.record import RecordKind
from energygrid.greenbutton.check import run as check
from energygrid.greenbutton.feed import xml
from energygrid.greenbutton.usage import views
from energygrid.greenbutton.window import Window

FULL: dict[str, Any] = {
    "MeterId": "m1",
    "PeriodStart": "2025-11-01",
    "PeriodEnd": "2025-11-30",
    "Protocol": "EN50160",
    "LongTermFlicker": "0.65",
    "ShortTermFlicker": "0.8",
    "HarmonicVoltage": "3.25",
    "MainsVoltage": "1.5",
    "PowerFrequency": "59.98",
    "LongInterruptions": 1,
    "ShortInterruptions": 2,
    "RapidVoltageChanges": 3,
    "SupplyVoltageDips": 4,
    "SupplyVoltageImbalance": 5,
    "SupplyVoltageVariations": 0,
    "TemporaryOvervoltages": 6,
}


def test_a_report_in_the_units_of_the_schema(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.POWER_QUALITY, FULL)
    feed = utility.parsed(utility.share("m1"))
    (summary,) = feed.contents("ElectricPowerQualitySummary")
    assert {each.tag.removeprefix(ESPI): each.text for each in summary if not len(each)} == {
        "flickerPlt": "65",
        "flickerPst": "80",
        "harmonicVoltage": "325",
        "longInterruptions": "1",
        "mainsVoltage": "1500000",
        "measurementProtocol": "1",
        "powerFrequency": "59980000",
        "rapidVoltageChanges": "3",
        "shortInterruptions": "2",
        "supplyVoltageDips": "4",
        "supplyVoltageImbalance": "5",
        "supplyVoltageVariations": "0",
        "tempOvervoltage": "6",
    }
    assert summary.findtext(f"{ESPI}summaryInterval/{ESPI}start") == str(at(2025, 11, 1, 4))
    assert summary.findtext(f"{ESPI}summaryInterval/{ESPI}duration") == str(30 * 86_400 + 3600)
    point, entry = feed.entries("UsagePoint")[0], feed.entries("ElectricPowerQualitySummary")[0]
    assert link(point, "related", "espi-feed/ElectricPowerQualitySummary") == link(entry, "up")
    assert link(entry, "related", "espi-entry/UsagePoint") == link(point, "self")


def test_what_was_not_measured_is_absent(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.POWER_QUALITY, {name: FULL[name] for name in ("MeterId", "PeriodStart", "PeriodEnd")})
    (summary,) = utility.parsed(utility.share("m1")).contents("ElectricPowerQualitySummary")
    assert [each.tag.removeprefix(ESPI) for each in summary] == ["summaryInterval"]


def test_it_follows_scope_spans_and_windows(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.POWER_QUALITY, FULL)
    assert utility.parsed(utility.share("m1", scope="FB=4_15")).entries("ElectricPowerQualitySummary") == []
    late = utility.share("m1", data_from=datetime(2025, 11, 2, tzinfo=UTC))
    assert utility.parsed(late).entries("ElectricPowerQualitySummary") == []
    ctx = utility.share("m1")
    for window, count in ((Window(published_min=at(2025, 12, 2)), 0), (Window(published_min=at(2025, 11, 20)), 1)):
        assert len(utility.parsed(ctx, window).entries("ElectricPowerQualitySummary")) == count
        listed = utility.database.read(views.power_quality_summaries, ctx, ctx.entitlement.meters[0], window)
        assert len(listed) == count


def test_a_full_report_passes_the_checks_of_certification(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.records(RecordKind.POWER_QUALITY, FULL)
    report = check(b"".join(xml(utility.feed(utility.share("m1")))), {1, 17})
    assert [each for each in report.findings if each.severity == "error"] == []

"""The cost of each interval: FB_12."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.greenbutton.usage.conftest import ESPI, KNOWN, NOW, Utility, at, text

from energygrid.access.audit import SYSTEM
from energygrid.billing.rates import Rate
from energygrid.billing.records.record import RecordKind
from energygrid.billing.tariffs import put_rate
from energygrid.greenbutton.check import run as check
from energygrid.greenbutton.feed import xml
from energygrid.greenbutton.usage import views
from energygrid.greenbutton.usage.codes import MOST
from energygrid.greenbutton.usage.costs import _times
from energygrid.greenbutton.usage.runs import NO_COST
from energygrid.metering.readings import Commodity, Flow

SCOPE = "FB=4_12_15_16"
MONDAY = at(2026, 1, 5, 5)
TOU = {
    "rateCode": "RES1",
    "type": "TOU",
    "validFrom": "2024-01-01",
    "tou": [
        {"name": "Peak", "amount": "0.1660", "startHour": 15, "endHour": 19},
        {"name": "Off-peak", "amount": "0.0479", "startHour": 19, "endHour": 15},
    ],
    "adders": [{"name": "Distribution", "amountPerUnit": "0.07"}],
}
FLAT = {"rateCode": "RES1", "type": "FLAT", "validFrom": "2024-01-01", "flatAmount": "0.1"}
TIERED = {
    "rateCode": "RES1",
    "type": "TIERED",
    "validFrom": "2024-01-01",
    "tiers": [{"dailyAllowance": "10", "amount": "0.1"}, {"amount": "0.2"}],
}


def rate(utility: Utility, body: Mapping[str, Any]) -> None:
    utility.database.write(put_rate, utility.tenant, Rate.model_validate(body), who=SYSTEM, now=KNOWN)


def shown(utility: Utility, scope: str = SCOPE) -> list[tuple[str | None, str | None]]:
    """(cost, tou) of every reading."""
    blocks = utility.parsed(utility.share("m1", scope=scope)).contents("IntervalBlock")
    return [
        (text(each, "cost"), text(each, "tou")) for block in blocks for each in block.iter(f"{ESPI}IntervalReading")
    ]


def test_each_interval_costs_its_energy_at_the_price_of_its_hour(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, TOU)
    utility.readings("m1", at(2026, 1, 5, 19), [1.0] * 8 + [0.123] * 16)
    found = shown(utility)
    # 14:00 to 15:00 off-peak, 15:00 to 19:00 peak, then off-peak again.
    assert found[:8] == [("4790", "2")] * 4 + [("16600", "1")] * 4
    assert found[8] == ("2042", "1")  # 2041.8
    assert found[-1] == ("589", "2")  # 589.17


def test_a_flat_rate_has_no_time_of_use(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, FLAT)
    utility.readings("m1", MONDAY, [0.25, 0.5])
    assert shown(utility) == [("2500", None), ("5000", None)]


def test_costs_are_shown_only_to_whom_they_were_allowed(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, FLAT)
    utility.readings("m1", MONDAY, [0.25])
    assert shown(utility, "FB=4_16") == [(None, None)]


@pytest.mark.parametrize(
    "body",
    [
        TIERED,
        {**FLAT, "rateCode": "OTHER"},
        {**FLAT, "currency": "EUR"},
        {**FLAT, "validFrom": "2026-02-01"},
        {**FLAT, "fuel": "Gas"},
    ],
)
def test_what_has_no_price_of_its_own_has_no_cost(utility: Utility, body: Mapping[str, Any]) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, body)
    utility.readings("m1", MONDAY, [0.25])
    assert shown(utility) == [(None, None)]


def test_an_hour_without_exactly_one_price_has_no_cost(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, {**TOU, "tou": TOU["tou"][:1]})  # type: ignore[index]
    utility.readings("m1", at(2026, 1, 5, 19, 45), [1.0, 1.0])
    assert shown(utility) == [(None, None), ("16600", "1")]


def test_export_is_not_bought(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, FLAT)
    utility.readings("m1", MONDAY, [0.25], flow=Flow.RECEIVED)
    assert shown(utility) == [(None, None)]


def test_another_version_and_another_rate_price_from_their_day_on(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.customer([{"meterId": "m1", "rateCode": "RES9"}], now=datetime(2026, 1, 8, 5, tzinfo=UTC))
    rate(utility, FLAT)
    rate(utility, {**FLAT, "validFrom": "2026-01-07", "flatAmount": "0.2"})
    rate(utility, {**FLAT, "rateCode": "RES9", "flatAmount": "0.4"})
    utility.readings("m1", at(2026, 1, 6, 5), [1.0] * 72, interval_s=3600)
    assert shown(utility) == [("10000", None)] * 24 + [("20000", None)] * 24 + [("40000", None)] * 24


def test_gas_is_priced_in_the_unit_of_its_rate(utility: Utility) -> None:
    utility.customer([{"meterId": "m1", "meterType": "Gas", "unitOfMeasure": "therms"}])
    rate(utility, {**FLAT, "fuel": "Gas", "unitOfMeasure": "therms", "flatAmount": "1.25"})
    utility.readings("m1", MONDAY, [0.5], commodity=Commodity.GAS, unit="dth", interval_s=3600)
    assert shown(utility) == [("625000", None)]


def test_a_single_block_carries_the_same_costs(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, TOU)
    utility.readings("m1", MONDAY, [0.25] * 96)
    ctx = utility.share("m1", scope=SCOPE)
    meter = ctx.entitlement.meters[0]
    (entry,) = utility.parsed(ctx).entries("IntervalBlock")
    href = str(next(each.get("href") for each in entry.iter("{*}link") if each.get("rel") == "self"))
    reading, block = href.split("/")[-3], href.rsplit("/", maxsplit=1)[-1]
    found = utility.database.read(views.interval_block, ctx, meter, reading, block)
    assert found is not None
    (first,) = [value for name, value in found.content if name == "IntervalReading"][:1]
    assert isinstance(first, tuple)
    assert dict(first)["cost"] == 1198  # 0.25 kWh at 0.0479: 1197.5


def test_a_bill_leaves_out_what_the_readings_explain(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, FLAT)
    lines = [
        {"kind": "ENERGY", "name": "Energy", "amount": "48"},
        {"kind": "TAX", "name": "Tax", "amount": "2.4"},
    ]
    bill = {
        "ContractAccount": "A-1",
        "MeterId": "m1",
        "BillingStart": "2025-12-01",
        "BillingEnd": "2025-12-31",
        "TotalConsumption": "480",
        "UnitOfMeasure": "kWh",
        "Cost": "48",
        "TaxAmount": "2.4",
        "LineItems": lines,
    }
    utility.readings("m1", at(2025, 12, 1, 5), [0.25] * 96 * 31)
    utility.records(RecordKind.MCH, bill)
    feed = utility.feed(utility.share("m1", scope=SCOPE))
    (summary,) = utility.parsed(utility.share("m1", scope=SCOPE)).contents("UsageSummary")
    assert text(summary, "billLastPeriod") == "5040000"
    assert text(summary, "costAdditionalLastPeriod") == "240000"
    assert [text(line, "note") for line in summary.iter(f"{ESPI}costAdditionalDetailLastPeriod")] == ["Tax"]
    report = check(b"".join(xml(feed)), {1, 4, 5, 12, 15, 16})
    assert [each for each in report.findings if each.severity == "error"] == []
    assert NOW > KNOWN


def test_a_rate_that_changes_makes_another_version(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    rate(utility, FLAT)
    utility.readings("m1", MONDAY, [0.25])
    before = utility.feed(utility.share("m1", scope=SCOPE)).version
    rate(utility, {**FLAT, "flatAmount": "0.11"})
    assert utility.feed(utility.share("m1", scope=SCOPE)).version != before


@given(
    st.lists(st.integers(-MOST, MOST), min_size=1, max_size=20),
    st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=10**12),
)
def test_products_are_exact_and_rounded_once(values: list[int], each: Fraction) -> None:
    expected = []
    for value in values:
        size = abs(value * each)
        whole = int(size + Fraction(1, 2))
        expected.append(NO_COST if whole > MOST else whole if value * each >= 0 else -whole)
    assert _times(np.array(values, np.int64), each).tolist() == expected

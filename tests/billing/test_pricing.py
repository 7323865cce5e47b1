"""Bills worked by hand to the cent, and the laws every bill keeps (contracts/powerbox.md P-7)."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.billing.money import to_money
from energygrid.billing.pricing import Bill, LineKind, Usage, price_bill, split_by_limits
from energygrid.billing.rates import Rate, TouPeriod
from energygrid.errors import Invalid
from energygrid.metering.calendar import day_number, day_starts

ZONE = "America/Detroit"
PUBLISHED = json.loads(Path(__file__).with_name("published_tou.json").read_text())
OPEN = Rate.model_validate(
    {"type": "TOU", "validFrom": "2025-06-01", "validTo": "2025-09-30", "tou": PUBLISHED, "holidays": ["2025-07-04"]}
)
EVENING = PUBLISHED[1] | {"startHour": 19, "endHour": 23}
CLOSED = OPEN.model_copy(update={"tou": [*OPEN.tou, TouPeriod.model_validate(EVENING)]})


def daily(first: date, end: date, each: float) -> Usage:
    start = day_starts(np.arange(day_number(first), day_number(end)), ZONE)
    return Usage(start, np.full(len(start), each), 86_400)


def hourly(first: date, end: date, each: float, step: int = 3600) -> Usage:
    low, high = day_starts(np.array([day_number(first), day_number(end)]), ZONE).tolist()
    start = np.arange(low, high, step)
    return Usage(start, np.full(len(start), each * step / 3600), step)


def rate(**body: Any) -> Rate:
    return Rate.model_validate({"validFrom": "2025-01-01", **body})


def printed(bill: Bill) -> list[tuple[str, str]]:
    return [(line.name, str(line.amount)) for line in bill.lines]


def test_flat_with_adder_fixed_charges_and_tax() -> None:
    """30 days of 10.5 kWh = 315 kWh.

    315 x 0.1234 = 38.871; 315 x 0.00456 = 1.4364; 30 x 0.25 = 7.50; 6 % of 38.87 + 1.44 + 7.50 = 2.8686.
    """
    flat = rate(
        type="FLAT",
        flatAmount="0.1234",
        adders=[{"name": "Waste reduction", "amountPerUnit": "0.00456"}],
        fixed=[
            {"name": "Service", "amount": "0.25", "per": "DAY", "taxable": True},
            {"name": "Neighbour fund", "amount": "1.00", "per": "PERIOD", "taxable": False},
        ],
        taxes=[{"name": "Sales tax", "rate": "0.06"}],
    )
    bill = price_bill(daily(date(2025, 6, 1), date(2025, 7, 1), 10.5), date(2025, 6, 1), date(2025, 7, 1), ZONE, [flat])
    assert printed(bill) == [
        ("Energy", "38.87"),
        ("Waste reduction", "1.44"),
        ("Service", "7.50"),
        ("Neighbour fund", "1.00"),
        ("Sales tax", "2.87"),
    ]
    assert bill.total == Decimal("51.68")
    assert bill.complete


TIERED = rate(
    type="TIERED", tiers=[{"dailyAllowance": "22.1918", "amount": "0.10"}, {"dailyAllowance": None, "amount": "0.15"}]
)


@pytest.mark.parametrize(
    ("end", "limit", "first", "rest", "total"),
    [
        # 22.1918 x 30 = 665.754: 66.5754 and 84.246 x 0.15 = 12.6369
        (date(2025, 7, 1), "665.754", "66.58", "12.64", "79.22"),
        # 22.1918 x 31 = 687.9458: 68.79458 and (775 - 687.9458) x 0.15 = 13.05813
        (date(2025, 7, 2), "687.9458", "68.79", "13.06", "81.85"),
    ],
)
def test_the_published_tier_factor(end: date, limit: str, first: str, rest: str, total: str) -> None:
    """25 kWh a day; the factor is contracts/powerbox.md 1.7's."""
    begin = date(2025, 6, 1)
    bill = price_bill(daily(begin, end, 25.0), begin, end, ZONE, [TIERED])
    assert bill.lines[0].quantity == Decimal(limit)
    assert printed(bill) == [("Tier 1", first), ("Tier 2", rest)]
    assert bill.total == Decimal(total)


def test_the_interval_that_crosses_the_limit_is_split() -> None:
    """On day 27 the sum goes from 650 to 675: 15.754 at 0.10 and 9.246 at 0.15."""
    begin, end = date(2025, 6, 1), date(2025, 7, 1)
    bill = price_bill(daily(begin, end, 25.0), begin, end, ZONE, [TIERED])
    assert bill.interval_cost[25:28] == pytest.approx([2.5, 15.754 * 0.10 + 9.246 * 0.15, 3.75])


def test_time_of_use_over_one_week() -> None:
    """Monday 2 to Sunday 8 June 2025, 1 kWh an hour.

    Weekdays 5 x 7 = 35 off-peak, 5 x 12 = 60 mid-peak, 5 x 4 = 20 on-peak, 5 late; 48 at the weekend:
    1.6765, 5.532, 3.32, 0.2395, 2.2992.
    """
    begin, end = date(2025, 6, 2), date(2025, 6, 9)
    bill = price_bill(hourly(begin, end, 1.0), begin, end, ZONE, [CLOSED])
    assert printed(bill) == [
        ("Off-peak M-F", "1.68"),
        ("Mid-Peak M-F", "5.53"),
        ("On-peak M-F", "3.32"),
        ("Off-Peak M-F", "0.24"),
        ("Off-Peak Wknd/Holiday", "2.30"),
    ]
    assert bill.total == Decimal("13.07")


def test_a_holiday_is_priced_as_one() -> None:
    """Friday 4 July 2025: 24 x 0.0479 = 1.1496."""
    bill = price_bill(
        hourly(date(2025, 7, 4), date(2025, 7, 5), 1.0), date(2025, 7, 4), date(2025, 7, 5), ZONE, [CLOSED]
    )
    assert bill.total == Decimal("1.15")


def test_hours_without_a_price_are_flagged_and_not_zero() -> None:
    """The published sample: 19 to 23 on five weekdays, 4 kWh each (contracts/powerbox.md C27)."""
    begin, end = date(2025, 6, 2), date(2025, 6, 9)
    bill = price_bill(hourly(begin, end, 1.0), begin, end, ZONE, [OPEN])
    assert [(u.reason, (u.end - u.start) // 3600, u.quantity) for u in bill.unpriced] == [
        ("TOU_GAP", 4, Decimal("4.0"))
    ] * 5
    assert not bill.complete
    assert np.isnan(bill.interval_cost).sum() == 20
    assert bill.total == Decimal("11.23")


def test_a_missing_reading_is_flagged_whether_it_is_nan_or_absent() -> None:
    begin, end = date(2025, 6, 2), date(2025, 6, 3)
    usage = hourly(begin, end, 1.0)
    usage.value[3] = np.nan
    absent = Usage(np.delete(usage.start, 3), np.delete(usage.value, 3), 3600)
    for each in (usage, absent):
        bill = price_bill(each, begin, end, ZONE, [CLOSED])
        (hole,) = bill.unpriced
        assert (hole.reason, hole.quantity) == ("MISSING_READING", None)
        assert hole.start == usage.start[3]
        assert bill.usage == 23


def test_daily_readings_cannot_be_priced_where_the_price_changes_within_the_day() -> None:
    begin, end = date(2025, 6, 6), date(2025, 6, 9)
    bill = price_bill(daily(begin, end, 24.0), begin, end, ZONE, [CLOSED])
    assert [(u.reason, u.quantity) for u in bill.unpriced] == [("PRICE_CHANGES_WITHIN", Decimal("24.0"))]
    assert bill.total == Decimal("2.30")  # the weekend has one price


def test_the_day_of_25_hours_is_priced_with_25() -> None:
    """2 November 2025 in Detroit; a flat price of 1 shows the hours."""
    begin, end = date(2025, 11, 2), date(2025, 11, 3)
    bill = price_bill(hourly(begin, end, 1.0), begin, end, ZONE, [rate(type="FLAT", flatAmount="1")])
    assert bill.total == Decimal("25.00")


def test_a_rate_that_changes_within_the_period_splits_it_by_days() -> None:
    """10 days at 0.10 and 20 at 0.20 of 10 kWh; a 3.00 fee per period becomes 1.00 and 2.00."""
    fee = [{"name": "Fee", "amount": "3.00", "per": "PERIOD", "taxable": False}]
    old = rate(type="FLAT", flatAmount="0.10", validTo="2025-06-10", fixed=fee)
    new = rate(type="FLAT", flatAmount="0.20", validFrom="2025-06-11", fixed=fee)
    begin, end = date(2025, 6, 1), date(2025, 7, 1)
    bill = price_bill(daily(begin, end, 10.0), begin, end, ZONE, [old, new])
    assert printed(bill) == [("Energy", "10.00"), ("Fee", "1.00"), ("Energy", "40.00"), ("Fee", "2.00")]


def test_days_before_the_rate_are_flagged() -> None:
    begin, end = date(2025, 5, 31), date(2025, 6, 2)
    bill = price_bill(hourly(begin, end, 1.0), begin, end, ZONE, [CLOSED])
    assert [(u.reason, u.quantity) for u in bill.unpriced] == [("NO_RATE", Decimal("24.0"))]


def test_cents_round_half_up_and_away_from_zero() -> None:
    assert [str(to_money(Decimal(x), "USD")) for x in ("0.005", "0.0049999", "-0.005", "2.675")] == [
        "0.01",
        "0.00",
        "-0.01",
        "2.68",
    ]
    assert str(to_money(Decimal("0.5"), "JPY")) == "1"


def test_a_period_without_days_is_refused() -> None:
    with pytest.raises(Invalid, match="ends after"):
        price_bill(daily(date(2025, 6, 1), date(2025, 6, 2), 1.0), date(2025, 6, 2), date(2025, 6, 2), ZONE, [CLOSED])


readings = st.lists(st.integers(-5_000, 20_000).map(lambda n: n / 1000), min_size=1, max_size=200)


@given(readings)
def test_the_parts_of_a_bill_sum_to_the_whole(values: list[float]) -> None:
    begin, end = date(2025, 6, 2), date(2025, 6, 11)
    usage = hourly(begin, end, 0.0)
    usage.value[: len(values)] = values
    taxed = CLOSED.model_copy(
        update={"taxes": rate(type="FLAT", flatAmount="0", taxes=[{"name": "t", "rate": "0.06"}]).taxes}
    )
    for each in (taxed, TIERED):
        bill = price_bill(usage, begin, end, ZONE, [each])
        energy = [line for line in bill.lines if line.kind is LineKind.ENERGY]
        assert bill.total == sum(line.amount for line in bill.lines)
        assert sum(line.quantity for line in energy) == bill.usage == sum(Decimal(repr(v)) for v in values)
        exact = sum(line.quantity * line.price for line in energy)
        assert bill.interval_cost.sum() == pytest.approx(float(exact))


@given(readings, st.lists(st.integers(1, 500), max_size=3, unique=True))
def test_splitting_by_limits_keeps_every_interval(values: list[float], limits: list[int]) -> None:
    split = split_by_limits(np.array(values), np.sort(np.array(limits, float)))
    assert split.sum(axis=1) == pytest.approx(values, abs=1e-9)


@given(readings)
def test_finer_readings_of_the_same_usage_cost_the_same(values: list[float]) -> None:
    begin, end = date(2025, 6, 2), date(2025, 6, 11)
    coarse = hourly(begin, end, 0.0)
    coarse.value[: len(values)] = [round(v, 1) for v in values]
    quarter = hourly(begin, end, 0.0, step=900)
    quarter.value[:] = np.repeat(coarse.value, 4) / 4
    for each in (CLOSED, TIERED):
        one, four = (price_bill(u, begin, end, ZONE, [each]) for u in (coarse, quarter))
        assert one.lines == four.lines

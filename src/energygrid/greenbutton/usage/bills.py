"""Bills of a shared meter, joined: what was consumed and what was charged for it, once for each billing period.

A utility may send a meter's consumption with its charge (`mch`), an invoice with its lines, or both of one period. An
invoice that names no meter counts for one when that is the account's only one; else nobody can say whose charge it is.
Source: contracts/powerbox.md 1.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import Connection

from energygrid.billing.records.bills import (
    Bill,
    bills_of_account,
    bills_of_meter,
    bills_of_no_meter,
    periods_of_meter,
)
from energygrid.customers.meters import meters_of_account
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage import queries
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.spans import instant, instants
from energygrid.greenbutton.window import EVERYTHING, Window
from energygrid.metering.calendar import day_span, day_starts, local_days


@dataclass(frozen=True, slots=True)
class BilledPeriod:
    """One billing period of a meter over the local days [start, end).

    measured  the bill with the consumption, None when only an invoice came
    charged   the bill with the charges; the same one when no invoice came
    key       names the period for ever; a second invoice of it has its own
    """

    start: date
    end: date
    measured: Bill | None
    charged: Bill
    key: tuple[object, ...]
    first_known_at: datetime

    @property
    def known_at(self) -> datetime:
        return max(self.charged.known_at, self.measured.known_at if self.measured else self.charged.known_at)


def billed_periods(
    db: Connection, ctx: Context, meter: SharedMeter, zone: str, window: Window = EVERYTHING
) -> list[BilledPeriod]:
    """Periods that lie wholly in what the consent covers and touch the window, oldest first."""
    own = bills_of_meter(db, ctx.entitlement.tenant.id, meter.meter_id)
    general = _general_invoices(db, ctx, meter)
    bills = [bill for bill in (*own, *general) if _is_covered(bill.start_date, bill.end_date, meter, zone)]
    if not bills:
        return []
    first = queries.bills_first_known(db, ctx.entitlement.tenant.id, [bill.id for bill in bills])
    periods = [period for period in _joined(meter, bills, first) if _is_wanted(period, zone, window)]
    return sorted(periods, key=lambda each: (each.start, each.end, str(each.key)))


def is_billed(db: Connection, ctx: Context, meter: SharedMeter, zone: str) -> bool:
    """Whether there are any `billed_periods`, without reading what was billed."""
    own = periods_of_meter(db, ctx.entitlement.tenant.id, meter.meter_id)
    if any(_is_covered(*period, meter, zone) for period in own):
        return True
    general = _general_invoices(db, ctx, meter)
    return any(_is_covered(bill.start_date, bill.end_date, meter, zone) for bill in general)


def _general_invoices(db: Connection, ctx: Context, meter: SharedMeter) -> list[Bill]:
    """Invoices to the account that can only be this meter's."""
    tenant_id = ctx.entitlement.tenant.id
    if meter.account_number is None:
        return []
    invoices = bills_of_no_meter(db, tenant_id, meter.account_number)
    if not invoices:
        return []
    billed: dict[tuple[date, date], set[str]] = {}
    for bill in bills_of_account(db, tenant_id, meter.account_number):
        if bill.meter_id is not None:
            billed.setdefault((bill.start_date, bill.end_date), set()).add(bill.meter_id)
    present = {each.meter_id for each in meters_of_account(db, tenant_id, meter.account_number)}
    alone = {meter.meter_id}
    return [each for each in invoices if (billed.get((each.start_date, each.end_date)) or present) == alone]


def _is_covered(start_date: date, end_date: date, meter: SharedMeter, zone: str) -> bool:
    """Whether all days of a bill are days in which the customer held the meter, and the consent covers them."""
    low, high = (int(day_span(day, zone).start.timestamp()) for day in (start_date, end_date))
    for start, end in instants(meter, EVERYTHING):
        first, last = _days(start, end, zone)
        if first <= low and high <= last:
            return True
    return False


def _days(start: int, end: int, zone: str) -> tuple[int, int]:
    """The local days that a span touches, as instants: a move-in at noon is billed from its midnight."""
    low, high = local_days(np.array([start, end - 1]), zone).tolist()
    first, last = day_starts(np.array([low, high + 1]), zone).tolist()
    return first, last


def _joined(meter: SharedMeter, bills: Sequence[Bill], first: dict[str, datetime]) -> list[BilledPeriod]:
    by_period: dict[tuple[str, date, date], list[Bill]] = {}
    for bill in bills:
        by_period.setdefault((bill.account_number, bill.start_date, bill.end_date), []).append(bill)
    periods: list[BilledPeriod] = []
    for (account, start, end), found in by_period.items():
        measured = next((each for each in found if each.source == "mch"), None)
        invoices = sorted((each for each in found if each is not measured), key=lambda each: first[each.id])
        charges = invoices or [bill for bill in (measured,) if bill is not None]
        for number, charged in enumerate(charges):
            key: tuple[object, ...] = (meter.meter_id, account, start, end)
            if number:
                key = (*key, charged.id)
            own = measured if not number else None
            known = min(first[each.id] for each in (charged, own) if each is not None)
            periods.append(BilledPeriod(start, end, own, charged, key, known))
    return periods


def _is_wanted(period: BilledPeriod, zone: str, window: Window) -> bool:
    start, end = (day_span(day, zone).start for day in (period.start, period.end))
    known = int(period.known_at.timestamp())
    return (
        (window.published_min is None or end > instant(window.published_min))
        and (window.published_max is None or start < instant(window.published_max))
        and (window.updated_min is None or known >= window.updated_min)
        and (window.updated_max is None or known < window.updated_max)
    )

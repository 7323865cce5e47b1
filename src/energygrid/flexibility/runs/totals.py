"""An event's totals by method: the sum of what its assets delivered, and what they delivered as one portfolio."""

from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
from sqlalchemy import Connection

from energygrid.flexibility.runs import evidence, groups
from energygrid.flexibility.runs.basis import Basis, RunKind
from energygrid.flexibility.runs.queries import results
from energygrid.flexibility.runs.queries.results import Summed
from energygrid.flexibility.settlement import neso
from energygrid.flexibility.settlement.delivery import Metering, Portfolio
from energygrid.flexibility.settlement.energy import kwh
from energygrid.flexibility.settlement.money import lines, total
from energygrid.flexibility.settlement.neso import Bid, Payment
from energygrid.metering.readings import Int64s

_NOTHING = Summed("", 0, 0, 0, 0, 0, 0, Decimal("0.00"))


def add_up(db: Connection, tenant_id: int, basis: Basis) -> tuple[dict[str, Any], bytes]:
    """Totals by method, in plain JSON, and the hash over all statements.

    Of assets that were sold together, what counts as one portfolio is capped at the bid, and a settlement has what is
    paid for it.
    """
    sums = results.sums(db, tenant_id, basis.event, basis.kind)
    curves, head = _curves_and_head(db, tenant_id, basis)
    totals: dict[str, Any] = {}
    most = None if basis.bid is None else basis.bid.most
    for each in basis.computed:
        method = each.rules.id
        summed = sums.get(method, _NOTHING)
        portfolio = _portfolio(basis, summed, curves.get(method)).at_portfolio(basis.terms, most)
        amount = lines(portfolio.total.tolist(), basis.incentive, basis.incentive_type)[0]
        totals[method] = {
            "processed": summed.processed,
            "pending": summed.pending,
            "expired": summed.expired,
            "participated": summed.participated,
            "highUsage": summed.high_usage,
            "sumOfAssets": {"kwh": str(kwh(summed.delivered)), "amount": str(summed.amount)},
            "atPortfolio": {"kwh": str(kwh(int(portfolio.total[0]))), "amount": str(amount)},
        }
        if basis.bid is not None and basis.kind is RunKind.SETTLEMENT:
            paid = [neso.payment(basis.bid, each) for each in portfolio.counted[0].tolist()]
            totals[method]["atPortfolio"]["bidPayment"] = _bid_payment(basis, basis.bid, paid)
        if each.group is not None:
            totals[method]["controlGroup"] = groups.published(db, tenant_id, basis, each)
    return totals, head


def _bid_payment(basis: Basis, bid: Bid, paid: list[Payment]) -> dict[str, Any]:
    """RV and K are cut, not rounded, so that none is shown on the better side of its limit."""
    half_hours = [
        {
            "start": (basis.span.start + number * timedelta(minutes=30)).isoformat(),
            "deliveredMWh": f"{each.delivered_mwh.normalize():f}",
            "rv": _cut(each.percent),
            "k": _cut(each.factor),
            "amount": str(each.amount),
        }
        for number, each in enumerate(paid)
    ]
    amount = str(total(each.amount for each in paid))
    return bid.model_dump(mode="json", by_alias=True) | {"amount": amount, "halfHours": half_hours}


def _cut(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.000001'), ROUND_FLOOR).normalize():f}"


def _curves_and_head(db: Connection, tenant_id: int, basis: Basis) -> tuple[dict[str, Int64s], bytes]:
    """Sums of the curves by method, (flows, intervals); the chain begins with the basis."""
    curves: dict[str, Int64s] = {}
    head = bytes.fromhex(basis.digest())
    for rows in results.each_part(db, tenant_id, basis.event, basis.kind):
        for each in basis.methods:
            bodies = [curve for method, curve, _ in rows if method == each.rules.id and curve is not None]
            if bodies:
                figures = np.frombuffer(b"".join(bodies), "<i8").reshape(len(bodies), -1, basis.intervals).sum(axis=0)
                curves[each.rules.id] = curves.get(each.rules.id, np.int64(0)) + figures
        head = evidence.chain(head, (digest for _, _, digest in rows))
    return curves, head


def _portfolio(basis: Basis, summed: Summed, curves: Int64s | None) -> Portfolio:
    if curves is None:
        flows = 4 if basis.terms.metering is Metering.SEPARATE else 2
        curves = np.zeros((flows, basis.intervals), np.int64)
    pairs = [(curves[at : at + 1], curves[at + 1 : at + 2]) for at in range(0, len(curves), 2)]
    return Portfolio(summed.processed, summed.delivered, tuple(pairs))

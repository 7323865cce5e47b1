"""What an event came to: its stats, those of its assets, and its settlement by every rule set."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from energygrid.flexibility.runs import figures
from energygrid.surfaces.common.deps import Db
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.baselines import AsOf
from energygrid.surfaces.flex.bid_wire import BidPaymentOut
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, example
from energygrid.surfaces.flex.group_wire import ControlGroupOut
from energygrid.surfaces.flex.wire import Instant, Out, Page, Paged

router = APIRouter(tags=["Stats"])


class EventStatsOut(Out):
    """`state`: NONE, PENDING, CALCULATING or READY. `energySaved` [kWh] and `highUsageCount` are decimals in text.

    Asset counts: processed ones are settled, pending ones wait for readings, expired ones waited in vain.
    `bidPayment` is there when the event's terms have a bid, `poorDelivery` when the operator may deregister the unit.
    """

    model_config = example(
        {
            "energySaved": "0.339200",
            "participatedAssetCount": 1,
            "incentive": 2.25,
            "earnings": 0.76,
            "optInCount": 1,
            "optOutCount": 0,
            "state": "READY",
            "processedStatsAssetsCount": 1,
            "pendingStatsAssetsCount": 0,
            "expiredStatsAssetsCount": 0,
            "highUsageCount": "0",
        }
    )

    energy_saved: str
    participated_asset_count: int
    incentive: float
    earnings: float
    opt_in_count: int
    opt_out_count: int
    state: str
    processed_stats_assets_count: int
    pending_stats_assets_count: int
    expired_stats_assets_count: int
    high_usage_count: str
    bid_payment: BidPaymentOut | None = None
    poor_delivery: str | None = None


@router.get(
    "/events/{event_uuid}/stats",
    operation_id="getEventStats",
    response_model_exclude_none=True,
    responses=answers(404),
)
def get_stats(caller: FlexCaller, event_uuid: UUID, db: Db, as_of: AsOf = None) -> EventStatsOut:
    """Totals of an event, by the rule set that is paid by; while it is calculated, how far that is."""
    found = db.read(figures.stats, caller.tenant, event_uuid, as_of)
    return EventStatsOut(
        energy_saved=str(found.energy_saved),
        participated_asset_count=found.participated,
        incentive=float(found.incentive),
        earnings=float(found.earnings),
        opt_in_count=found.opted_in,
        opt_out_count=found.opted_out,
        state=found.state,
        processed_stats_assets_count=found.processed,
        pending_stats_assets_count=found.pending,
        expired_stats_assets_count=found.expired,
        high_usage_count=str(found.high_usage),
        bid_payment=None if found.bid_payment is None else BidPaymentOut.of(found.bid_payment),
        poor_delivery=found.poor_delivery,
    )


class StatAssetOut(Out):
    uuid: UUID


class EventAssetStatOut(Out):
    """kWh over the event, decimals in text; "0.000000" where nothing is known (`state` PENDING) or there is no export.

    state                 PROCESSED, PENDING (readings are missing) or EXPIRED (they did not come in time)
    energyForecasted      the baseline that it is settled by;  energyConsumed  what was metered
    energySaved           what was delivered
    energyForecastedStatic  the baseline as published before the event; absent where there was none
    """

    model_config = example(
        {
            "asset": {"uuid": ASSET},
            "state": "PROCESSED",
            "energyForecasted": "1.199200",
            "energyConsumed": "0.860000",
            "energySaved": "0.339200",
            "energyExportForecasted": "0.000000",
            "energyExportDelivered": "0.000000",
            "energyForecastedStatic": "1.201000",
        }
    )

    asset: StatAssetOut
    state: str
    energy_forecasted: str
    energy_consumed: str
    energy_saved: str
    energy_export_forecasted: str
    energy_export_delivered: str
    energy_forecasted_static: str | None = None


@router.get(
    "/events/{event_uuid}/assets/stats",
    operation_id="listEventAssetStats",
    response_model_exclude_none=True,
    responses=answers(404),
)
def list_asset_stats(
    caller: FlexCaller, event_uuid: UUID, db: Db, paging: Paged, as_of: AsOf = None
) -> Page[EventAssetStatOut]:
    """Figures of the assets that took part, as far as they are computed."""
    found, total = db.read(
        figures.asset_figures, caller.tenant, event_uuid, offset=paging.offset, limit=paging.page_size, as_of=as_of
    )
    shown = [
        EventAssetStatOut(
            asset=StatAssetOut(uuid=each.uuid),
            state=each.state,
            energy_forecasted=str(each.baseline),
            energy_consumed=str(each.actual),
            energy_saved=str(each.delivered),
            energy_export_forecasted=str(each.export_baseline),
            energy_export_delivered=str(each.export_actual),
            energy_forecasted_static=None if each.static is None else str(each.static),
        )
        for each in found
    ]
    return paging.of(shown, total)


class SumOut(Out):
    kwh: str
    amount: str


class MethodOut(Out):
    """The sum of what assets delivered, each after its floor, and what they delivered as one portfolio: floors are not
    additive, so the two differ. `bidPayment` is of the portfolio, whose half-hours count up to 1.2 times the bid.
    `controlGroup` is null but for the rule set of that name.
    """

    rule_set: str
    sum_of_assets: SumOut
    at_portfolio: SumOut
    bid_payment: BidPaymentOut | None
    control_group: ControlGroupOut | None
    processed: int
    pending: int
    expired: int
    participated: int
    high_usage: int


class SettlementOut(Out):
    """One published revision; the first method is what is paid by. `head` is the hash over all of its statements."""

    model_config = example(
        {
            "revision": 1,
            "state": "READY",
            "publishedAt": "2026-01-16T09:00:00.000Z",
            "currency": "GBP",
            "points": False,
            "methods": [
                {
                    "ruleSet": "BL01",
                    "sumOfAssets": {"kwh": "0.339200", "amount": "0.76"},
                    "atPortfolio": {"kwh": "0.339200", "amount": "0.76"},
                    "bidPayment": None,
                    "controlGroup": None,
                    "processed": 1,
                    "pending": 0,
                    "expired": 0,
                    "participated": 1,
                    "highUsage": 0,
                }
            ],
            "head": "77ab",
        }
    )

    revision: int
    state: str
    published_at: Instant | None
    currency: str
    points: bool
    methods: list[MethodOut]
    head: str


@router.get("/events/{event_uuid}/settlements", operation_id="listEventSettlements", responses=answers(404))
def list_settlements(caller: FlexCaller, event_uuid: UUID, db: Db) -> list[SettlementOut]:
    """Every published revision of the settlement, newest first, under each rule set side by side."""
    return [
        SettlementOut(
            revision=each.revision,
            state=each.state,
            published_at=each.published_at,
            currency=each.currency,
            points=each.points,
            methods=[_method(name, totals) for name, totals in each.methods.items()],
            head=each.head,
        )
        for each in db.read(figures.settlements, caller.tenant, event_uuid)
    ]


def _method(name: str, totals: Mapping[str, Any]) -> MethodOut:
    whole = totals["atPortfolio"]
    paid, group = whole.get("bidPayment"), totals.get("controlGroup")
    return MethodOut(
        rule_set=name,
        sum_of_assets=SumOut(**totals["sumOfAssets"]),
        at_portfolio=SumOut(kwh=whole["kwh"], amount=whole["amount"]),
        bid_payment=None if paid is None else BidPaymentOut.of(paid),
        control_group=None if group is None else ControlGroupOut.model_validate(group, by_alias=True),
        processed=totals["processed"],
        pending=totals["pending"],
        expired=totals["expired"],
        participated=totals["participated"],
        high_usage=totals["highUsage"],
    )

"""Baselines of an event as published before it, and why an asset's figures are what they are."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from energygrid.flexibility.runs import explaining, figures
from energygrid.surfaces.common.deps import Db
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, AssetRef, Given, example
from energygrid.surfaces.flex.group_wire import ComparisonOut
from energygrid.surfaces.flex.wire import Instant, Out, Page, Paged

router = APIRouter(tags=["Baselines"])

AsOf = Annotated[Given | None, Query(alias="asOf", description="As it stood at this instant.")]


class EventBaselineOut(Out):
    """`value`: kWh over the event, a decimal; `method`: the rule set."""

    model_config = example(
        {"value": "1.201000", "method": "BL01", "asset": {"uuid": ASSET, "assetId": "1012345678903"}}
    )

    value: str
    method: str
    asset: AssetRef


@router.get("/events/{event_uuid}/baselines", operation_id="listEventBaselines", responses=answers(404))
def list_baselines(
    caller: FlexCaller, event_uuid: UUID, db: Db, paging: Paged, as_of: AsOf = None
) -> Page[EventBaselineOut]:
    """Baselines of import as published before the event, by asset and rule set; none until EVENT.BASELINES_READY.

    They follow late readings until the event begins, and are frozen then.
    """
    found, total = db.read(
        figures.baselines, caller.tenant, event_uuid, offset=paging.offset, limit=paging.page_size, as_of=as_of
    )
    shown = [
        EventBaselineOut(
            value=str(each.value), method=each.method, asset=AssetRef(uuid=each.asset_uuid, asset_id=each.asset_id)
        )
        for each in found
    ]
    return paging.of(shown, total)


_EXPLAINED: dict[str, Any] = {
    "kind": "SETTLEMENT",
    "revision": 1,
    "computedAt": "2026-01-16T09:00:00.000Z",
    "ruleSet": {"id": "BL01", "version": 1},
    "ruleSetDigest": "6d1f",
    "terms": {"direction": "TURN_DOWN", "floor": "PER_INTERVAL", "metering": "IMPORT", "capAtBaseline": False},
    "state": "PROCESSED",
    "deadlinePassed": False,
    "zone": "Europe/London",
    "nominationRevision": None,
    "controlGroup": None,
    "flows": {
        "import": {
            "considered": [{"forDay": "2026-01-15", "days": [{"day": "2026-01-14", "reason": "PICKED"}]}],
            "readingRevisions": [{"utcDay": "2026-01-14", "revision": 1}],
            "baselineState": 0,
            "unadjustedKwh": [0.598, 0.603],
            "adjustment": -0.0009,
            "adjustmentReadingsMissing": 0,
            "baselineKwh": ["0.597100", "0.602100"],
            "actualKwh": ["0.427200", "0.432800"],
        }
    },
    "countedKwh": ["0.169900", "0.169300"],
    "deliveredKwh": "0.339200",
    "amount": "0.76",
    "basisDigest": "9c0e",
    "evidence": "{}",
    "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "eventHead": "77ab",
    "eventRevision": 1,
}


class ConsideredDayOut(Out):
    """`reason`: PICKED, or why the day is not a reference day."""

    day: str
    reason: str


class ConsideredOut(Out):
    """The days that were looked at for one local day of the event."""

    for_day: str
    days: list[ConsideredDayOut]


class RevisionOut(Out):
    utc_day: str
    revision: int


class FlowOut(Out):
    """Import or export. Lists are by half-hour of the event; kWh as decimals.

    `baselineKwh` and `actualKwh` are null where there is none. `adjustment`: the shift in kWh, or the ratio, or of a
    control group the scale; `readingRevisions`: which version of each UTC day's readings was used.
    """

    considered: list[ConsideredOut]
    reading_revisions: list[RevisionOut]
    baseline_state: int
    unadjusted_kwh: list[float | None]
    adjustment: float
    adjustment_readings_missing: int
    baseline_kwh: list[str | None]
    actual_kwh: list[str | None]


class ExplanationOut(Out):
    """One statement. `evidence` is the canonical JSON that `sha256` is taken of; `eventHead` the hash over all.

    nominationRevision  of rule set NOMINATED: the asset's curve that was used; 0: none was filed in time
    controlGroup        of rule set CONTROL_GROUP: what the asset is compared with
    """

    model_config = example(_EXPLAINED)

    kind: str
    revision: int
    computed_at: Instant
    rule_set: dict[str, Any]
    rule_set_digest: str
    terms: dict[str, Any]
    state: str
    deadline_passed: bool
    zone: str
    nomination_revision: int | None
    control_group: ComparisonOut | None
    flows: dict[str, FlowOut]
    counted_kwh: list[str]
    delivered_kwh: str
    amount: str
    basis_digest: str
    evidence: str
    sha256: str
    event_head: str | None
    event_revision: int | None


@router.get(
    "/events/{event_uuid}/assets/{asset_uuid}/explain",
    operation_id="explainEventAsset",
    responses=answers(404),
)
def explain(caller: FlexCaller, event_uuid: UUID, asset_uuid: UUID, db: Db, as_of: AsOf = None) -> list[ExplanationOut]:
    """Why an asset's figures are what they are, by each rule set: every day considered, readings, adjustment, hashes.

    Of the settlement; before it, of the published baselines.
    """
    found = db.read(explaining.explain, caller.tenant, event_uuid, asset_uuid, as_of=as_of)
    return [ExplanationOut.model_validate(each, by_alias=True, by_name=True) for each in found]

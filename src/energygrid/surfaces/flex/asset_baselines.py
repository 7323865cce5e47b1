"""Baselines of an asset apart from any event, and how well they fit it."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from energygrid.flexibility.runs import accuracy, usual
from energygrid.flexibility.runs.usual import Usual
from energygrid.surfaces.common.deps import Db, Now
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, AssetRef, example
from energygrid.surfaces.flex.wire import Instant, Out

router = APIRouter(tags=["Baselines"])

_LAST = 4_102_444_800  # 2100-01-01
_START = 1768496400


class WindowOut(Out):
    """Wall-clock times where the asset is; a `to` at or before `from` is of the next day."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    zone: str


class MethodAccuracyOut(Out):
    """One rule set on the placebo days from `firstDay` to `lastDay` that the asset has a baseline and readings of.

    With e = baseline - actual of each half-hour. `bias`, `mae` and `rmse` are kWh, decimals in text; `nmbe`, `wape`,
    `mape`, `cvrmse`, `pnrmse` and `rrmse` are shares: 0.2 is 20 %. null: it cannot be had.

    rank     1 for the best of the asset, by `rrmse`;  days, n  how many days and half-hours were compared
    verdict  PASS when `rrmse` is at most 0.20; UNKNOWN on less than 20 days
    coverage share of the newer half of the half-hours between P10 and P90 of the older half: 0.8 is what they promise
    """

    method: str
    rank: int | None
    verdict: Literal["PASS", "FAIL", "UNKNOWN"]
    days: int
    n: int
    bias: str | None
    nmbe: float | None
    mae: str | None
    wape: float | None
    mape: float | None
    rmse: str | None
    cvrmse: float | None
    pnrmse: float | None
    rrmse: float | None
    coverage: float | None = None
    first_day: str
    last_day: str


_MEASURED: dict[str, Any] = {
    "method": "BL01",
    "rank": 1,
    "verdict": "PASS",
    "days": 28,
    "n": 112,
    "bias": "-0.004100",
    "nmbe": -0.0069,
    "mae": "0.051000",
    "wape": 0.0857,
    "mape": 0.0912,
    "rmse": "0.066000",
    "cvrmse": 0.1109,
    "pnrmse": 0.412,
    "rrmse": 0.0871,
    "coverage": 0.8393,
    "firstDay": "2025-12-03",
    "lastDay": "2026-01-15",
}


class BaselineAccuracyOut(Out):
    """`state` PENDING: being computed, ask again; the methods, if any, are what was computed before."""

    model_config = example(
        {
            "asset": {"uuid": ASSET, "assetId": "1012345678903"},
            "state": "READY",
            "computedAt": "2026-01-16T09:00:00.000Z",
            "window": {"from": "17:00", "to": "19:00", "zone": "Europe/London"},
            "methods": [_MEASURED],
        }
    )

    asset: AssetRef
    state: Literal["PENDING", "READY"]
    computed_at: Instant | None
    window: WindowOut
    methods: list[MethodAccuracyOut]


@router.get("/assets/{asset_uuid}/baseline-accuracy", operation_id="getAssetBaselineAccuracy", responses=answers(404))
def get_accuracy(caller: FlexCaller, asset_uuid: UUID, db: Db, now: Now) -> BaselineAccuracyOut:
    """How well each rule set's baselines fit the asset on days on which nothing was asked, the best first.

    Computed after each settlement, and when it is asked for and older than a day or than the asset's readings.
    """
    found = db.read(accuracy.shown, caller.tenant, asset_uuid, now)
    if found.state == "PENDING":
        db.write(accuracy.measure_later, caller.tenant, found.asset.uuid)
    start, end = found.window
    return BaselineAccuracyOut(
        asset=AssetRef(uuid=found.asset.uuid, asset_id=found.asset.asset_id),
        state=found.state,
        computed_at=found.computed_at,
        window=WindowOut(from_=start, to=end, zone=found.asset.zone),
        methods=[MethodAccuracyOut(method=name, **figures) for name, figures in found.methods],
    )


class AssetBaselineOut(Out):
    """`timestamp`: start of the half-hour, epoch seconds; `value`: kWh in it, a decimal."""

    model_config = ConfigDict(
        alias_generator=None,
        json_schema_extra={"example": {"asset_id": ASSET, "timestamp": _START, "value": "0.598000"}},
    )

    asset_id: UUID
    timestamp: int
    value: str

    @classmethod
    def of(cls, asset: UUID, found: Usual) -> "AssetBaselineOut":
        return cls(asset_id=asset, timestamp=found.start, value=str(found.kwh))


@router.get("/assets/{asset_uuid}/baselines", operation_id="listAssetBaselines", responses=answers(404))
def list_baselines(
    caller: FlexCaller,
    asset_uuid: UUID,
    db: Db,
    start_ts: Annotated[int, Query(ge=0, le=_LAST, description="Epoch seconds, inclusive.", examples=[_START])],
    end_ts: Annotated[
        int, Query(ge=0, le=_LAST, description="Exclusive; at most 7 days later.", examples=[_START + 3600])
    ],
) -> list[AssetBaselineOut]:
    """The baseline of import of each half-hour that starts in the span, as if nothing but its day's type were known.

    By the first of the tenant's rule sets, unadjusted, from the readings of earlier days. Half-hours that have none
    are left out.
    """
    found = db.read(usual.between, caller.tenant, asset_uuid, start_ts, end_ts)
    return [AssetBaselineOut.of(asset_uuid, each) for each in found]


@router.get("/assets/{asset_uuid}/baseline-at/{timestamp}", operation_id="getAssetBaselineAt", responses=answers(404))
def get_baseline_at(
    caller: FlexCaller,
    asset_uuid: UUID,
    timestamp: Annotated[int, Path(ge=0, le=_LAST, description="Epoch seconds.", examples=[_START])],
    db: Db,
) -> AssetBaselineOut:
    """The baseline of the half-hour that an instant lies in; 404 NO_BASELINE says why there is none."""
    return AssetBaselineOut.of(asset_uuid, db.read(usual.at, caller.tenant, asset_uuid, timestamp))

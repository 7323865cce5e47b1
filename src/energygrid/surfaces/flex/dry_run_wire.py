"""The answer to a dry run of an event. Source: contracts/flexibility.md 5, item 7."""

from typing import Any, Literal

from energygrid.flexibility.events.dry_run import DryRun
from energygrid.flexibility.runs.spread import Spread
from energygrid.surfaces.flex.event_wire import SAID
from energygrid.surfaces.flex.fields import ASSET, AssetRef, example
from energygrid.surfaces.flex.wire import Instant, Out

MOST_LISTED = 1000


class IneligibleOut(Out):
    asset: AssetRef
    reason: str


class FiresOut(Out):
    """A message that would be sent; `at` null: as soon as what it tells of is done."""

    type: str
    at: Instant | None


class ExpectedOut(Out):
    """Baselines by one rule set as readings stand now: `value` is their sum over the event in kWh, of `assetCount`
    assets; `withoutBaselineCount` have too few readings for any.
    """

    method: str
    value: str
    asset_count: int
    without_baseline_count: int


class RangeOut(Out):
    """What `assetCount` assets (500 at most) are expected to use over the event if nothing is asked of them, in kWh: in
    eight events of ten it lies between `p10` and `p90`. By what the baseline of `method`, without its adjustment, got
    wrong on the latest days like the event's, `placeboDayCount` of them, drawn for all assets together.
    """

    method: str
    asset_count: int
    placebo_day_count: int
    baseline: str
    p10: str
    p50: str
    p90: str

    @classmethod
    def of(cls, found: Spread) -> "RangeOut":
        return cls(
            method=found.method,
            asset_count=found.assets,
            placebo_day_count=found.days,
            baseline=str(found.baseline),
            p10=str(found.p10),
            p50=str(found.p50),
            p90=str(found.p90),
        )


class DryRunOut(Out):
    """What scheduling the event would do now; nothing of it is stored.

    Lists end after a thousand, and baselines are of the first 10,000 assets that may take part. `expectedRange` is null
    when the rule set that is paid by does not match days, or less than nine of them have readings. `nominationsUntil`:
    when rule set NOMINATED needs its curves.
    """

    model_config = example(
        {
            "dryRun": True,
            "startDateTime": SAID["startDateTime"],
            "endDateTime": SAID["endDateTime"],
            "currency": "GBP",
            "terms": SAID["terms"],
            "reachedCount": 2,
            "eligibleCount": 1,
            "eligible": [{"uuid": ASSET, "assetId": "1012345678903"}],
            "ineligible": [
                {
                    "asset": {"uuid": "d6b9f6b0-1c1e-4a0f-8f43-5d2f0a9b3c21", "assetId": "home-17"},
                    "reason": "POSTCODE: its postcode does not begin with NE8",
                }
            ],
            "expectedBaselines": [{"method": "BL01", "value": "0.800000", "assetCount": 1, "withoutBaselineCount": 0}],
            "expectedRange": {
                "method": "BL01",
                "assetCount": 1,
                "placeboDayCount": 29,
                "baseline": "0.800000",
                "p10": "0.712000",
                "p50": "0.804000",
                "p90": "0.931000",
            },
            "nominationsUntil": None,
            "webhooks": [{"type": "EVENT.SCHEDULED", "at": "2026-01-14T16:05:00.000Z"}],
        }
    )

    dry_run: Literal[True] = True
    start_date_time: Instant
    end_date_time: Instant
    currency: str
    terms: dict[str, Any]
    reached_count: int
    eligible_count: int
    eligible: list[AssetRef]
    ineligible: list[IneligibleOut]
    expected_baselines: list[ExpectedOut]
    expected_range: RangeOut | None
    nominations_until: Instant | None
    webhooks: list[FiresOut]

    @classmethod
    def of(cls, found: DryRun) -> "DryRunOut":
        may = [each for each, reason in found.reached if reason is None]
        may_not = [(each, reason) for each, reason in found.reached if reason is not None]
        return cls(
            start_date_time=found.values["starts_at"],
            end_date_time=found.values["ends_at"],
            currency=found.values["currency"],
            terms=found.values["terms"],
            reached_count=len(found.reached),
            eligible_count=len(may),
            eligible=[AssetRef(uuid=each.uuid, asset_id=each.asset_id) for each in may[:MOST_LISTED]],
            ineligible=[
                IneligibleOut(asset=AssetRef(uuid=each.uuid, asset_id=each.asset_id), reason=reason)
                for each, reason in may_not[:MOST_LISTED]
            ],
            expected_baselines=[
                ExpectedOut(
                    method=each.method,
                    value=str(each.value),
                    asset_count=each.assets,
                    without_baseline_count=each.without,
                )
                for each in found.expected
            ],
            expected_range=None if found.between is None else RangeOut.of(found.between),
            nominations_until=found.filed_by,
            webhooks=[FiresOut(type=each.type, at=each.at) for each in found.fires],
        )

"""Bodies and answers about events. Source: contracts/flexibility.md 1.5."""

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from energygrid.flexibility.events.dry_run import DryRun
from energygrid.flexibility.events.event import Draft, Event
from energygrid.flexibility.events.lifecycle import StatsState, Status
from energygrid.surfaces.flex.asset_wire import ASSET, PORTFOLIO, SCHEME, AssetRef, Given, Line, Name, example
from energygrid.surfaces.flex.wire import In, Instant, Out

EVENT = "5b1e0f0a-7c1d-4a53-9a39-2f6c1d0e8b77"
MOST_LISTED = 1000

Type = Literal["TURN_DOWN", "TURN_UP"]
IncentiveType = Literal["PER_KWH", "PER_EVENT", "POINTS_PER_KWH"]
Criteria = Annotated[dict[str, Line], Field(max_length=20)]
Terms = Annotated[dict[str, Any], Field(max_length=20)]

_SAID: dict[str, Any] = {
    "name": "Evening peak",
    "type": "TURN_DOWN",
    "startDateTime": "2026-01-15T17:00:00.000Z",
    "endDateTime": "2026-01-15T18:00:00.000Z",
    "schemeUUID": SCHEME,
    "optInRequired": True,
    "incentive": 2.25,
    "incentiveType": "PER_KWH",
    "currency": "GBP",
    "eligibility": {"postcodePrefix": "NE8", "minBaselineDays": "5"},
    "terms": {"ruleSets": ["BL01"], "floor": "PER_INTERVAL"},
}
EVENT_EXAMPLE: dict[str, Any] = _SAID | {
    "uuid": EVENT,
    "status": "SCHEDULED",
    "statsState": "NONE",
    "baselinesRevision": 1,
    "statsRevision": 0,
    "createdAt": "2026-01-14T16:05:00.000Z",
    "updatedAt": "2026-01-14T16:05:00.000Z",
}


class EventIn(In):
    """A new event: a draft, unless `status` says SCHEDULED.

    It reaches the assets of its portfolios; without portfolios, those READY in its scheme. With both, assets of the
    portfolios that are READY in the scheme may take part.
    """

    model_config = example(_SAID | {"portfolioUUIDs": [PORTFOLIO], "status": "SCHEDULED"})

    name: Name
    type: Type
    start_date_time: Given
    end_date_time: Given
    scheme_uuid: UUID | None = None
    portfolio_uuids: Annotated[list[UUID], Field(max_length=1000, default_factory=list)]
    opt_in_required: bool = True
    incentive: Decimal = Decimal(0)
    incentive_type: IncentiveType = "PER_KWH"
    currency: str | None = None
    eligibility: Annotated[Criteria, Field(default_factory=dict)]
    terms: Annotated[Terms, Field(default_factory=dict)]
    status: Literal["DRAFT", "SCHEDULED"] = "DRAFT"

    def draft(self) -> Draft:
        return Draft(
            name=self.name,
            type=self.type,
            starts_at=self.start_date_time,
            ends_at=self.end_date_time,
            scheme_uuid=self.scheme_uuid,
            opt_in_required=self.opt_in_required,
            incentive=self.incentive,
            incentive_type=self.incentive_type,
            currency=self.currency,
            eligibility=self.eligibility,
            terms=self.terms,
            portfolios=self.portfolio_uuids,
        )


class EventPatch(In):
    """What is to change; what is left out or null stays, but a `schemeUUID` that is null takes the event out of its
    scheme.

    Of a DRAFT everything may change; once SCHEDULED no longer who takes part (`type`, `schemeUUID`, `optInRequired`,
    `eligibility`); once STARTED the name alone. `status` SCHEDULED schedules a draft.
    """

    model_config = example({"startDateTime": "2026-01-15T17:30:00.000Z", "endDateTime": "2026-01-15T18:30:00.000Z"})

    name: Name | None = None
    type: Type | None = None
    start_date_time: Given | None = None
    end_date_time: Given | None = None
    scheme_uuid: UUID | None = None
    opt_in_required: bool | None = None
    incentive: Decimal | None = None
    incentive_type: IncentiveType | None = None
    currency: str | None = None
    eligibility: Criteria | None = None
    terms: Terms | None = None
    status: Literal["SCHEDULED"] | None = None

    def changes(self) -> dict[str, Any]:
        """By the names of `Event`."""
        renamed = {"start_date_time": "starts_at", "end_date_time": "ends_at"}
        said = {name: getattr(self, name) for name in sorted(self.model_fields_set - {"status"})}
        return {
            renamed.get(name, name): value for name, value in said.items() if value is not None or name == "scheme_uuid"
        }


class EventOut(Out):
    """`statsState` is NONE until the event has ended; revisions are 0 until something was published."""

    model_config = example(EVENT_EXAMPLE)

    uuid: UUID
    name: str
    type: Type
    status: Status
    start_date_time: Instant
    end_date_time: Instant
    scheme_uuid: UUID | None
    opt_in_required: bool
    incentive: float
    incentive_type: IncentiveType
    currency: str
    eligibility: dict[str, str]
    terms: dict[str, Any]
    stats_state: StatsState
    baselines_revision: int
    stats_revision: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, event: Event) -> "EventOut":
        values = {name: getattr(event, name) for name in Event.__slots__}
        start, end = values.pop("starts_at"), values.pop("ends_at")
        incentive = float(values.pop("incentive"))
        return cls(**values, start_date_time=start, end_date_time=end, incentive=incentive)


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


class DryRunOut(Out):
    """What scheduling the event would do now; nothing of it is stored.

    Lists end after a thousand, and baselines are of the first 10,000 assets that may take part.
    """

    model_config = example(
        {
            "dryRun": True,
            "startDateTime": _SAID["startDateTime"],
            "endDateTime": _SAID["endDateTime"],
            "currency": "GBP",
            "terms": _SAID["terms"],
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
            webhooks=[FiresOut(type=each.type, at=each.at) for each in found.fires],
        )

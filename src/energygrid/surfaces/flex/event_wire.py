"""Bodies and answers about events. Source: contracts/flexibility.md 1.5."""

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from energygrid.flexibility.events.event import Draft, Event
from energygrid.flexibility.events.lifecycle import StatsState, Status
from energygrid.surfaces.flex.fields import PORTFOLIO, SCHEME, Given, Line, Name, example
from energygrid.surfaces.flex.wire import In, Instant, Out

EVENT = "5b1e0f0a-7c1d-4a53-9a39-2f6c1d0e8b77"

Type = Literal["TURN_DOWN", "TURN_UP"]
IncentiveType = Literal["PER_KWH", "PER_EVENT", "POINTS_PER_KWH"]
Criteria = Annotated[dict[str, Line], Field(max_length=20)]
Terms = Annotated[dict[str, Any], Field(max_length=20)]

SAID: dict[str, Any] = {
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
EVENT_EXAMPLE: dict[str, Any] = SAID | {
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

    model_config = example(SAID | {"portfolioUUIDs": [PORTFOLIO], "status": "SCHEDULED"})

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

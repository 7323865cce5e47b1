"""What webhooks tell of: a function for each type builds the message, `tell` writes it with the change itself.

The shapes are those of contracts/flexibility.md 1.8. Decimals are text; instants have milliseconds and a Z.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.messaging import events
from energygrid.messaging.exact import decimal_text
from energygrid.messaging.webhooks import endpoints
from energygrid.messaging.webhooks.messages import stamp

_Item = TypeVar("_Item")

MOST_ASSETS = 1000
"""Assets that one message lists; more make more messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook message. Those of one subject, the main resource, arrive in the order in which they were told."""

    type: str
    subject: UUID
    data: Mapping[str, object]


class SchemeAsset(NamedTuple):
    """`status`: OPT_IN, OPT_OUT, DUPLICATED, REJECTED or READY."""

    uuid: UUID
    asset_id: str
    status: str


def tell(db: Connection, tenant_id: int, message: Message, now: datetime, key: str | None = None) -> str:
    """Write `message` into the caller's transaction; returns the uuid that its body carries.

    now  when it happened, by the tenant's clock
    key  makes it once-only within the tenant, for changes that may be repeated after a crash
    """
    return events.record(
        db,
        tenant_id,
        message.type,
        message.data,
        now,
        key,
        surface=events.FLEX,
        subject=str(message.subject),
    )


def tell_one(
    db: Connection, tenant: Tenant, webhook_uuid: str, told: Sequence[Message], *, who: Actor, now: datetime
) -> list[str]:
    """Send messages to one webhook alone, as a test; the uuids that their bodies carry.

    Raises NotFound("UNKNOWN_WEBHOOK") and Conflict("WEBHOOK_DISABLED").
    """
    return [
        endpoints.call_for_test(
            db,
            tenant,
            webhook_uuid,
            who=who,
            now=now,
            surface=events.FLEX,
            type=message.type,
            data=message.data,
        )
        for message in told
    ]


def event_scheduled(
    uuid: UUID,
    *,
    name: str,
    type: str,  # noqa: A002 - the word of the wire
    start: datetime,
    end: datetime,
    opt_in_required: bool,
    incentive: Decimal,
    incentive_type: str,
    eligibility: Mapping[str, str],
) -> Message:
    """The only message that tells all of an event."""
    data = {
        "uuid": str(uuid),
        "name": name,
        "type": type,
        "status": "SCHEDULED",
        "startDateTime": stamp(start),
        "endDateTime": stamp(end),
        "optInRequired": opt_in_required,
        "incentive": decimal_text(incentive),
        "incentiveType": incentive_type,
        "eligibility": dict(eligibility),
    }
    return Message(events.EVENT_SCHEDULED, uuid, data)


def event_started(uuid: UUID) -> Message:
    return _status(events.EVENT_STARTED, uuid, "STARTED")


def event_ended(uuid: UUID) -> Message:
    return _status(events.EVENT_ENDED, uuid, "ENDED")


def event_cancelled(uuid: UUID) -> Message:
    return _status(events.EVENT_CANCELLED, uuid, "CANCELLED")


def baselines_ready(uuid: UUID, status: str, revision: int) -> Message:
    """`status` is the event's; `revision` counts from 1 and grows when late data change what was published."""
    return _status(events.EVENT_BASELINES_READY, uuid, status, revision)


def stats_calculation_started(uuid: UUID, status: str) -> Message:
    return _status(events.EVENT_STATS_CALCULATION_STARTED, uuid, status)


def stats_ready(uuid: UUID, status: str, revision: int) -> Message:
    """As `baselines_ready`."""
    return _status(events.EVENT_STATS_READY, uuid, status, revision)


def event_portfolio_assigned(uuid: UUID, portfolio_uuid: UUID) -> Message:
    return Message(events.EVENT_PORTFOLIO_ASSIGNED, uuid, {"uuid": str(uuid), "portfolioUUID": str(portfolio_uuid)})


def portfolio_assets_assigned(uuid: UUID, assets: Iterable[UUID]) -> list[Message]:
    """One message for every thousand assets, none for none."""
    return [
        Message(events.PORTFOLIO_ASSETS_ASSIGNED, uuid, {"uuid": str(uuid), "assetUUIDs": [str(each) for each in part]})
        for part in _parts(assets)
    ]


def scheme_assets_updated(uuid: UUID, assets: Iterable[SchemeAsset]) -> list[Message]:
    """One message for every thousand assets whose state in the scheme has changed, none for none."""
    return [
        Message(
            events.EVENT_SCHEME_ASSETS_UPDATED,
            uuid,
            {
                "uuid": str(uuid),
                "assets": [{"uuid": str(each.uuid), "assetId": each.asset_id, "status": each.status} for each in part],
            },
        )
        for part in _parts(assets)
    ]


def asset_mpan_validated(uuid: UUID, *, asset_id: str, mpan: str | None, valid: bool, reason: str | None) -> Message:
    """`mpan` is None where none was given; `reason` says what is wrong with an invalid one."""
    data = {"uuid": str(uuid), "assetId": asset_id, "mpan": mpan, "valid": valid, "reason": reason}
    return Message(events.ASSET_MPAN_VALIDATED, uuid, data)


def examples() -> dict[str, Message]:
    """A message of each type, for test calls; the resources they name do not exist."""
    resource, other = UUID("00000000-0000-4000-8000-000000000001"), UUID("00000000-0000-4000-8000-000000000002")
    scheduled = event_scheduled(
        resource,
        name="Test event",
        type="TURN_DOWN",
        start=datetime(2026, 1, 15, 17, tzinfo=UTC),
        end=datetime(2026, 1, 15, 18, tzinfo=UTC),
        opt_in_required=True,
        incentive=Decimal("2.25"),
        incentive_type="PER_KWH",
        eligibility={},
    )
    made = [
        *portfolio_assets_assigned(resource, [other]),
        event_portfolio_assigned(resource, other),
        scheduled,
        event_started(resource),
        event_ended(resource),
        event_cancelled(resource),
        baselines_ready(resource, "SCHEDULED", 1),
        stats_calculation_started(resource, "ENDED"),
        stats_ready(resource, "ENDED", 1),
        asset_mpan_validated(resource, asset_id="test-asset", mpan="1012345678903", valid=True, reason=None),
        *scheme_assets_updated(resource, [SchemeAsset(other, "test-asset", "READY")]),
    ]
    return {message.type: message for message in made}


def _status(type_: str, uuid: UUID, status: str, revision: int | None = None) -> Message:
    """The shape that the messages on an event's course share."""
    data: dict[str, object] = {"uuid": str(uuid), "status": status}
    if revision is not None:
        data["revision"] = revision
    return Message(type_, uuid, data)


def _parts(items: Iterable[_Item]) -> list[list[_Item]]:
    listed = list(items)
    return [listed[start : start + MOST_ASSETS] for start in range(0, len(listed), MOST_ASSETS)]

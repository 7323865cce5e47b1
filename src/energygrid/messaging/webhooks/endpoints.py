"""Webhook endpoints: who wants to be told of what, and with which secret."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, NotFound
from energygrid.messaging import events
from energygrid.messaging.webhooks import queries, signing
from energygrid.messaging.webhooks.queries import Endpoint
from energygrid.messaging.webhooks.surfaces import SURFACES
from energygrid.messaging.webhooks.waking import fan_out

SEAL = "webhook secret"
OVERLAP = timedelta(hours=24)
"""How long messages are also signed with the secret before the last rotation."""


def create(
    db: Connection,
    tenant: Tenant,
    vault: Vault,
    *,
    url: str,
    description: str,
    types: Sequence[str],
    who: Actor,
    now: datetime,
    surface: str = events.POWERBOX,
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret, which is never shown again. It gets what happens from now on.

    The address has been checked by the caller, outside the transaction: that asks the name service.
    types  empty means every type, also those that come later
    """
    _check_types(types, surface)
    fan_out(db, tenant.id, now)  # what happened before belongs to the endpoints there were
    most = SURFACES[surface].most_endpoints
    if queries.count_endpoints(db, tenant.id, surface) >= most:
        raise Conflict("TOO_MANY_WEBHOOKS", f"there are {most} endpoints already", limit=most)
    endpoint_id = SURFACES[surface].new_endpoint_id()
    secret = signing.new_secret()
    queries.insert_endpoint(
        db,
        tenant_id=tenant.id,
        id=endpoint_id,
        surface=surface,
        url=url,
        description=description,
        types=sorted(set(types)),
        enabled=True,
        secret=vault.seal(SEAL, secret.encode()),
        failures=0,
        created_at=now,
        updated_at=now,
    )
    _audit(db, tenant, endpoint_id, "created", who, now, {"types": sorted(set(types))})
    return get(db, tenant, endpoint_id, surface=surface), secret


def get(db: Connection, tenant: Tenant, endpoint_id: str, *, surface: str = events.POWERBOX) -> Endpoint:
    """Raises NotFound("UNKNOWN_WEBHOOK"), also for another surface's endpoint."""
    endpoint = queries.endpoint(db, tenant.id, endpoint_id)
    if endpoint is None or endpoint.surface != surface:
        raise NotFound("UNKNOWN_WEBHOOK", f"there is no webhook {endpoint_id}", webhookId=endpoint_id)
    return endpoint


def list_endpoints(db: Connection, tenant: Tenant, *, surface: str = events.POWERBOX) -> list[Endpoint]:
    return queries.endpoints(db, tenant.id, surface)


def change(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    *,
    url: str,
    description: str,
    types: Sequence[str],
    enabled: bool,
    who: Actor,
    now: datetime,
    surface: str = events.POWERBOX,
) -> Endpoint:
    """Replace what the owner may set. Disabling dead-letters what still waits; enabling starts afresh."""
    _check_types(types, surface)
    before = get(db, tenant, endpoint_id, surface=surface)
    fan_out(db, tenant.id, now)
    values = {"url": url, "description": description, "types": sorted(set(types)), "updated_at": now}
    queries.update_endpoint(db, tenant.id, endpoint_id, **values)
    if before.enabled and not enabled:
        queries.disable(db, tenant.id, endpoint_id, "DISABLED_BY_OWNER", now)
    elif enabled and not before.enabled:
        queries.enable(db, tenant.id, endpoint_id, now)
    _audit(db, tenant, endpoint_id, "changed", who, now, {"enabled": enabled})
    return get(db, tenant, endpoint_id, surface=surface)


def enable(
    db: Connection, tenant: Tenant, endpoint_id: str, *, who: Actor, now: datetime, surface: str = events.POWERBOX
) -> Endpoint:
    """Send to it again, if it was given up: what happens from now on. What it missed is replayed."""
    before = get(db, tenant, endpoint_id, surface=surface)
    if before.enabled:
        return before
    fan_out(db, tenant.id, now)
    queries.enable(db, tenant.id, endpoint_id, now)
    _audit(db, tenant, endpoint_id, "enabled", who, now, {"reason": before.disabled_reason})
    return get(db, tenant, endpoint_id, surface=surface)


def delete(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    *,
    who: Actor,
    now: datetime,
    surface: str = events.POWERBOX,
) -> None:
    """The endpoint, its deliveries and their log go; the events stay in the feed."""
    get(db, tenant, endpoint_id, surface=surface)
    queries.delete_endpoint(db, tenant.id, endpoint_id)
    _audit(db, tenant, endpoint_id, "deleted", who, now, {})


def rotate_secret(
    db: Connection,
    tenant: Tenant,
    vault: Vault,
    endpoint_id: str,
    *,
    who: Actor,
    now: datetime,
    surface: str = events.POWERBOX,
    overlap: timedelta = OVERLAP,
) -> tuple[str, datetime]:
    """A new secret, and until when messages are signed with the old one too.

    At most two secrets live at a time: rotating again within the overlap drops the oldest at once.
    """
    get(db, tenant, endpoint_id, surface=surface)
    secret = signing.new_secret()
    until = now + overlap
    queries.rotate(db, tenant.id, endpoint_id, vault.seal(SEAL, secret.encode()), until, now)
    _audit(db, tenant, endpoint_id, "secret_rotated", who, now, {})
    return secret, until


def call_for_test(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    *,
    who: Actor,
    now: datetime,
    surface: str = events.POWERBOX,
    type: str = events.WEBHOOK_TEST,  # noqa: A002 - the word of the standard and of the wire
    data: Mapping[str, object] | None = None,
) -> str:
    """Send one event to this endpoint alone, by default a `webhook.test`; returns its id, found in the delivery log."""
    if not get(db, tenant, endpoint_id, surface=surface).enabled:
        raise Conflict("WEBHOOK_DISABLED", f"webhook {endpoint_id} is disabled", webhookId=endpoint_id)
    said = {"webhookId": endpoint_id} if data is None else data
    event_id = events.record(db, tenant.id, type, said, now, surface=surface, endpoint_id=endpoint_id)
    _audit(db, tenant, endpoint_id, "tested", who, now, {"eventId": event_id, "type": type})
    return event_id


def _check_types(types: Sequence[str], surface: str) -> None:
    unknown = sorted(set(types) - SURFACES[surface].types)
    if unknown:
        raise Invalid("UNKNOWN_EVENT_TYPE", f"there is no event type {unknown[0]}", eventTypes=unknown)


def _audit(
    db: Connection,
    tenant: Tenant,
    endpoint_id: str,
    action: str,
    who: Actor,
    now: datetime,
    facts: dict[str, object],
) -> None:
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=f"webhook.{action}",
        subject=f"webhook/{endpoint_id}",
        request_id=who.request_id,
        now=now,
        facts=facts,
    )

"""Webhook endpoints: who wants to be told of what, and with which secret."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, NotFound
from energygrid.messaging import events
from energygrid.messaging.webhooks import queries, signing
from energygrid.messaging.webhooks.queries import Endpoint

SEAL = "webhook secret"
MOST_ENDPOINTS = {events.POWERBOX: 50, events.GREENBUTTON: 10_000}
"""By surface; a third party of Green Button has one."""
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
    queries.fan_out(db, tenant.id, now)  # what happened before belongs to the endpoints there were
    most = MOST_ENDPOINTS[surface]
    if queries.count_endpoints(db, tenant.id, surface) >= most:
        raise Conflict("TOO_MANY_WEBHOOKS", f"there are {most} endpoints already", limit=most)
    endpoint_id = f"whe_{secrets.token_hex(12)}"
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
    queries.fan_out(db, tenant.id, now)
    values = {"url": url, "description": description, "types": sorted(set(types)), "updated_at": now}
    queries.update_endpoint(db, tenant.id, endpoint_id, **values)
    if before.enabled and not enabled:
        queries.disable(db, tenant.id, endpoint_id, "DISABLED_BY_OWNER", now)
    elif enabled and not before.enabled:
        queries.update_endpoint(
            db, tenant.id, endpoint_id, enabled=True, disabled_reason=None, failures=0, not_before=None
        )
    _audit(db, tenant, endpoint_id, "changed", who, now, {"enabled": enabled})
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
) -> tuple[str, datetime]:
    """A new secret, and until when messages are signed with the old one too.

    At most two secrets live at a time: rotating again within the overlap drops the oldest at once.
    """
    get(db, tenant, endpoint_id, surface=surface)
    secret = signing.new_secret()
    until = now + OVERLAP
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
) -> str:
    """Send one `webhook.test` event to this endpoint alone; returns its id, found in the delivery log."""
    if not get(db, tenant, endpoint_id, surface=surface).enabled:
        raise Conflict("WEBHOOK_DISABLED", f"webhook {endpoint_id} is disabled", webhookId=endpoint_id)
    data = {"webhookId": endpoint_id}
    event_id = events.record(db, tenant.id, events.WEBHOOK_TEST, data, now, surface=surface, endpoint_id=endpoint_id)
    _audit(db, tenant, endpoint_id, "tested", who, now, {"eventId": event_id})
    return event_id


TYPES_OF_SURFACE: dict[str, frozenset[str]] = {
    events.POWERBOX: frozenset(events.EVENT_TYPES),
    events.GREENBUTTON: events.NOTICE_TYPES,
}


def _check_types(types: Sequence[str], surface: str) -> None:
    unknown = sorted(set(types) - TYPES_OF_SURFACE[surface])
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

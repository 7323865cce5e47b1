"""What differs between the surfaces that send webhooks. Everything else they share."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import uuid4

from energygrid.access.caller import Tenant
from energygrid.messaging import events
from energygrid.messaging.webhooks import flex_form, retry
from energygrid.messaging.webhooks.messages import Renderer, batch_list, standard
from energygrid.messaging.webhooks.queries import Endpoint
from energygrid.messaging.webhooks.retry import Plan


@dataclass(frozen=True, slots=True)
class Surface:
    """One surface's webhooks.

    types           what an endpoint may ask for
    most_endpoints  of a tenant
    given_up        type and data of the event that tells of an endpoint that was given up, and why
    renderer        the form of a tenant's messages
    """

    types: frozenset[str]
    most_endpoints: int
    new_endpoint_id: Callable[[], str]
    given_up: Callable[[Endpoint, str], tuple[str, dict[str, object]]]
    renderer: Callable[[Tenant], Renderer]
    plan: Plan


def _token() -> str:
    return f"whe_{secrets.token_hex(12)}"


def _disabled(endpoint: Endpoint, reason: str) -> tuple[str, dict[str, object]]:
    return events.WEBHOOK_DISABLED, {"webhookId": endpoint.id, "url": endpoint.url, "reason": reason}


def _broken(endpoint: Endpoint, reason: str) -> tuple[str, dict[str, object]]:
    named = {"uuid": endpoint.id, "name": endpoint.description, "url": endpoint.url}
    return events.WEBHOOK_BROKEN, {**named, "status": "BROKEN", "reason": reason}


SURFACES: Mapping[str, Surface] = MappingProxyType(
    {
        events.POWERBOX: Surface(
            types=frozenset(events.EVENT_TYPES),
            most_endpoints=50,
            new_endpoint_id=_token,
            given_up=_disabled,
            renderer=lambda _: standard,
            plan=retry.STANDARD,
        ),
        events.GREENBUTTON: Surface(
            types=events.NOTICE_TYPES,
            most_endpoints=10_000,  # each third party has one
            new_endpoint_id=_token,
            given_up=_disabled,
            renderer=lambda _: batch_list,
            plan=retry.STANDARD,
        ),
        events.FLEX: Surface(
            types=frozenset({*events.FLEX_TYPES, events.WEBHOOK_BROKEN}),
            most_endpoints=100,
            new_endpoint_id=lambda: str(uuid4()),
            given_up=_broken,
            renderer=flex_form.renderer,
            plan=retry.FLEX,
        ),
    }
)

"""One request under one of the tokens: what it asks for, who asks, and the transaction that lets it in.

Consent, third party and whatever is read of a customer come from one transaction, which also holds the entry in the
audit log: nothing is shown that is not in the log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection
from starlette.requests import Request

from energygrid.access import audit
from energygrid.access.tenants import tenant_now
from energygrid.errors import NotFound
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.usage.context import Context
from energygrid.services import Services
from energygrid.surfaces.common.deps import services_of
from energygrid.surfaces.greenbutton.address import resource_path
from energygrid.surfaces.greenbutton.asked import Asked, asked_of
from energygrid.surfaces.greenbutton.auth import Caller, Presented, caller_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    request: Request
    presented: Presented
    asked: Asked
    now: datetime

    @classmethod
    def of(cls, request: Request, presented: Presented) -> "Call":
        """Raises Invalid("BAD_PARAMETER")."""
        return cls(request, presented, asked_of(request), datetime.now(UTC))

    @property
    def here(self) -> Services:
        return services_of(self.request)

    @property
    def base(self) -> str:
        return self.here.settings.resource_url

    @property
    def request_id(self) -> str:
        return str(self.request.scope.get("energygrid.request_id", "-"))

    def shared(self, authorization: str | None, read: Callable[[Connection, Context], T]) -> tuple[Context, T]:
        """What an access token opens. `authorization` is the one named in the path, if one is.

        Raises NotFound for another's, Unauthenticated when the token has ended.
        """
        return self.here.database.write(_read_shared, self, authorization, read)

    def own(self, read: Callable[[Connection, Caller], T], *, changes: bool = False) -> T:
        """What is a third party's own, under its registration or client token."""
        database = self.here.database
        return (database.write if changes else database.read)(_read_own, self, read)


def unknown() -> NotFound:
    return NotFound("UNKNOWN_RESOURCE", "there is no such resource")


def _read_own(db: Connection, call: Call, read: Callable[[Connection, Caller], T]) -> T:
    return read(db, caller_of(db, call.presented, call.here.vault, call.now))


def _read_shared(
    db: Connection, call: Call, authorization: str | None, read: Callable[[Connection, Context], T]
) -> tuple[Context, T]:
    vault = call.here.vault
    caller = caller_of(db, call.presented, vault, call.now)
    consent = caller.consent
    if consent is None or (authorization is not None and authorization != consent.id):
        raise unknown()
    entitlement = entitlement_of(db, vault, caller.tenant, consent)
    context = Context(vault, call.base, entitlement, tenant_now(caller.tenant, call.now))
    found = read(db, context)
    query = call.request.scope["query_string"].decode("latin-1")
    audit.record(
        db,
        caller.tenant.id,
        actor=caller.third_party.client_id,
        action="shared_data.read",
        subject=f"consent/{consent.id}",
        request_id=call.request_id,
        now=call.now,
        facts={"path": resource_path(call.request), **({"query": query[:500]} if query else {})},
    )
    return context, found

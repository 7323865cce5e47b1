"""Which customer a consumer's token stands for, with the guide's numbered refusals (contract 1.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from energygrid.access import audit, throttle
from energygrid.access.caller import Actor, Caller, Tenant
from energygrid.customers.queries import reading
from energygrid.customers.sandbox_ids import TUTORIAL_CLIENT
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.status import Standing, standing
from energygrid.errors import Throttled, Unauthenticated

LoginNumber = Literal[1, 2, 3, 4, 86]
NO_ACCOUNT: LoginNumber = 1
TWO_LEFT: LoginNumber = 2
ONE_LEFT: LoginNumber = 3
LOCKED: LoginNumber = 4
CLOSED: LoginNumber = 86
_CODES: dict[LoginNumber, str] = {
    NO_ACCOUNT: "UNKNOWN_CLIENT",
    TWO_LEFT: "EXPIRED_TOKEN",
    ONE_LEFT: "EXPIRED_TOKEN",
    LOCKED: "ACCOUNT_LOCKED",
    CLOSED: "ACCOUNT_CLOSED",
}
NUMBERS = (NO_ACCOUNT, TWO_LEFT, ONE_LEFT, LOCKED, CLOSED)

_RULE = throttle.FailureRule(3, timedelta(minutes=15), timedelta(minutes=15))
"""Two warnings, then locked: the guide's codes 2, 3 and 4; the times are those of contract 5.6."""


class LoginRefused(Unauthenticated):
    """A sign-in the utility does not accept; `number` is the guide's error code."""

    def __init__(self, number: LoginNumber, message: str) -> None:
        super().__init__(_CODES[number], message)
        self.number = number


@dataclass(frozen=True, slots=True)
class _Person:
    client_id: str
    standing: Standing


def claimed_client(tenant: Tenant, claims: Mapping[str, Any]) -> str | None:
    """The client id in the claim that this tenant configured (`BPID`, `sub`, ...), if any."""
    name = tenant.section("customers", CustomerSettings).client_id_claim
    value = claims.get(name) if name else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def client_of_caller(caller: Caller) -> str | None:
    """The client whom a token names; in a sandbox a token that names nobody means the tutorial's customer."""
    named = claimed_client(caller.tenant, caller.claims)
    if named is not None and named != caller.client_id:
        return named
    return TUTORIAL_CLIENT if caller.tenant.environment == "sandbox" or caller.sandbox else None


def sign_in(db: Connection, caller: Caller, *, who: Actor, now: datetime) -> str:
    """The client of a consumer's valid token; raises LoginRefused 1, 4 or 86."""
    person = _known(db, caller.tenant, client_of_caller(caller))
    try:
        throttle.require_unlocked(db, _key(caller.tenant, person.client_id), now)
    except Throttled as error:
        raise LoginRefused(LOCKED, "too many failed sign-ins; try again later") from error
    throttle.forgive(db, _key(caller.tenant, person.client_id))
    audit.record(
        db,
        caller.tenant.id,
        actor=who.name,
        action="customer.signed_in",
        subject=f"customer/{person.client_id}",
        request_id=who.request_id,
        now=now,
    )
    return person.client_id


def failed_sign_in(db: Connection, tenant: Tenant, claims: Mapping[str, Any], now: datetime) -> LoginNumber:
    """The number for a token that is genuine but no longer good: it counts against the customer it names.

    A forged token must not come here, else anybody could lock a customer out. The transaction must commit.
    """
    try:
        person = _known(db, tenant, claimed_client(tenant, claims))
    except LoginRefused as refused:
        return refused.number
    try:
        left = throttle.fail(db, _key(tenant, person.client_id), _RULE, now)
    except Throttled:
        return LOCKED
    return {2: TWO_LEFT, 1: ONE_LEFT}.get(left, LOCKED)


def _known(db: Connection, tenant: Tenant, client_id: str | None) -> _Person:
    row = None if client_id is None else reading.customer_of(db, tenant.id, client_id)
    if row is None:
        raise LoginRefused(NO_ACCOUNT, "there is no such utility account")
    person = _Person(row.client_id, standing(tenant, row.acct_status))
    if person.standing is Standing.CLOSED:
        raise LoginRefused(CLOSED, "the account is closed")
    if person.standing is Standing.LOCKED:
        raise LoginRefused(LOCKED, "the account is locked; the utility must unlock it")
    return person


def _key(tenant: Tenant, client_id: str) -> str:
    return f"login/{tenant.id}/{client_id}"

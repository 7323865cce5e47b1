"""Giving, reading and revoking consents."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor
from energygrid.access.consents import queries
from energygrid.access.consents.queries import AnyRow
from energygrid.errors import NotFound, Unauthenticated

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Consent:
    """A customer's permission to one third party. Its id is that of Authorization, Subscription and RetailCustomer.

    scope                  as granted; the requested one, letter by letter, when the customer took nothing away
    meters                 meter ids that are shared
    data_from, data_until  data times that are shared, [from, until); None: no limit on that side
    expires_at             when it ends by itself; None: it lasts until it is revoked
    evidence               reference of a consent on paper; None: it was given in the portal
    tokens_from            access tokens issued earlier are refused; None: none is
    """

    tenant_id: int
    id: str
    client_id: str
    customer_id: str
    requested_scope: str
    scope: str
    meters: tuple[str, ...]
    data_from: datetime | None
    data_until: datetime | None
    evidence: str | None
    created_at: datetime
    changed_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    tokens_from: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def accepts(self, issued_at: float) -> bool:
        """Whether an access token issued at this instant [s since 1970] still counts."""
        return self.tokens_from is None or issued_at >= self.tokens_from.timestamp()


def give(
    db: Connection,
    tenant_id: int,
    *,
    client_id: str,
    customer_id: str,
    requested_scope: str,
    scope: str,
    meters: Sequence[str],
    who: Actor,
    now: datetime,
    data_from: datetime | None = None,
    data_until: datetime | None = None,
    expires_at: datetime | None = None,
    evidence: str | None = None,
) -> Consent:
    """A new consent. Whether the customer holds the meters is for the caller to have checked."""
    consent_id = str(10**15 + secrets.randbelow(9 * 10**15))
    values = {
        "tenant_id": tenant_id,
        "id": consent_id,
        "client_id": client_id,
        "customer_id": customer_id,
        "requested_scope": requested_scope,
        "scope": scope,
        "data_from": data_from,
        "data_until": data_until,
        "evidence": evidence,
        "created_at": now,
        "changed_at": now,
        "expires_at": expires_at,
    }
    queries.insert_consent(db, values, sorted(set(meters)))
    facts = {"client": client_id, "customer": customer_id, "scope": scope, "meters": sorted(set(meters))}
    _audit(db, tenant_id, consent_id, "consent.given", who, now, facts)
    return find(db, tenant_id, consent_id)


def find(db: Connection, tenant_id: int, consent_id: str, *, lock: bool = False) -> Consent:
    """Raises NotFound("UNKNOWN_CONSENT"); a revoked consent is found."""
    row = queries.consent_by_id(db, tenant_id, consent_id, lock=lock)
    if row is None:
        raise NotFound("UNKNOWN_CONSENT", f"there is no authorization {consent_id[:64]}")
    return _consent(row)


def of_access_token(
    db: Connection, tenant_id: int, client_id: str, claims: Mapping[str, object], now: datetime
) -> Consent:
    """The consent that a checked access token (claim `espi`: "access") stands for, asked anew at each request.

    So a consent that is revoked, a third party that is on hold, or tokens that were taken back count at once, whatever
    a process remembers of the token. Raises Unauthenticated("INVALID_TOKEN").
    """
    named = (str(claims.get(name, "")) for name in ("authorization", "jti"))
    row = queries.consent_of_standing_token(db, tenant_id, *named)
    consent = None if row is None else _consent(row)
    issued_at = claims.get("iat")
    if (
        consent is None
        or claims.get("espi") != "access"
        or not isinstance(issued_at, int | float)
        or consent.client_id != client_id
        or not consent.holds(now)
        or not consent.accepts(issued_at)
    ):
        raise Unauthenticated("INVALID_TOKEN", "the customer's authorization has ended, or the token was taken back")
    return consent


def of_client(db: Connection, tenant_id: int, client_id: str) -> list[Consent]:
    """Every consent a third party ever had, oldest first."""
    return [_consent(row) for row in queries.consents_of_client(db, tenant_id, client_id)]


def of_customer(db: Connection, tenant_id: int, customer_id: str) -> list[Consent]:
    """Every consent a customer ever gave, newest first."""
    return [_consent(row) for row in queries.consents_of_customer(db, tenant_id, customer_id)]


def on_meters(db: Connection, tenant_id: int, meter_ids: Sequence[str], now: datetime) -> list[Consent]:
    """Consents in force that share any of the meters: who is to be told when their data change."""
    return [_consent(row) for row in queries.consents_on_meters(db, tenant_id, meter_ids, now)]


def revoke(db: Connection, tenant_id: int, consent_id: str, *, who: Actor, now: datetime) -> Consent:
    """End a consent; doing it again changes nothing. Raises NotFound("UNKNOWN_CONSENT")."""
    row = queries.consent_by_id(db, tenant_id, consent_id, lock=True)
    if row is None:
        raise NotFound("UNKNOWN_CONSENT", f"there is no authorization {consent_id[:64]}")
    if row.revoked_at is None:
        ended = {"revoked_at": now, "revoked_by": who.name, "changed_at": now}
        queries.update_consent(db, tenant_id, consent_id, ended)
        _audit(db, tenant_id, consent_id, "consent.revoked", who, now, {"client": row.client_id})
    return find(db, tenant_id, consent_id)


def revoke_all(db: Connection, tenant_id: int, client_id: str, *, who: Actor, now: datetime) -> list[Consent]:
    """End every consent of a third party that is in force, as when it leaves; those that were ended, oldest first."""
    standing = [each for each in of_client(db, tenant_id, client_id) if each.revoked_at is None]
    return [revoke(db, tenant_id, each.id, who=who, now=now) for each in standing]


def end_tokens(db: Connection, tenant_id: int, consent_id: str, now: datetime) -> None:
    """Refuse the access tokens issued until now. Tokens count their time in whole seconds: this one is lost."""
    queries.update_consent(db, tenant_id, consent_id, {"tokens_from": now.replace(microsecond=0) + _SECOND})


def _consent(row: AnyRow) -> Consent:
    values = row._asdict()
    return Consent(**values | {"meters": tuple(sorted(values["meters"]))})


def _audit(
    db: Connection, tenant_id: int, consent_id: str, action: str, who: Actor, now: datetime, facts: Mapping[str, object]
) -> None:
    audit.record(
        db,
        tenant_id,
        actor=who.name,
        action=action,
        subject=f"consent/{consent_id}",
        request_id=who.request_id,
        now=now,
        facts=facts,
    )

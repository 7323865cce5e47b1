"""Outside identity providers, and how far each tenant trusts them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from energygrid.access import audit, queries
from energygrid.access.caller import Actor, Tenant
from energygrid.access.jose import ASYMMETRIC, media_type
from energygrid.access.scopes import known_scopes
from energygrid.errors import Conflict, Invalid, NotFound

_URL = re.compile(r"https?://[\x21-\x7e]{1,500}")


class IssuerTerms(BaseModel):
    """How tokens of one issuer are read. The issuer is compared as a whole string, trailing slash and all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    audiences: list[str] = Field(min_length=1, description="`aud` values that mean this installation.")
    scopes: list[str] = Field(min_length=1, description="The most that its tokens may carry here.")
    jwks_uri: str | None = Field(None, description="Where its keys are; unset: found by OpenID Connect discovery.")
    algorithms: list[str] = Field(["ES256", "RS256"], min_length=1)
    token_types: list[str] = Field(["at+jwt"], min_length=1, description="`typ` of its access tokens; many send JWT.")
    client_claim: str = Field("client_id", description="Claim that names the client: client_id, azp, appid.")
    scope_claim: str = Field("scope", description="Claim with the scopes: scope, scp, roles.")
    clients: list[str] = Field([], description="Clients (client claim or azp) that may call; empty: any.")
    leeway_s: int = Field(60, ge=0, le=300, description="How far the clocks may differ.")
    max_age_s: int = Field(86_400, ge=60, le=604_800, description="Seconds after `iat` when a token is too old.")
    sandbox: bool = Field(default=False, description="Its clients may only read outside the sandbox.")


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    tenant: Tenant
    terms: IssuerTerms


def trust_issuer(db: Connection, tenant: Tenant, terms: IssuerTerms, *, who: Actor, now: datetime) -> None:
    """Let tokens of this issuer in for `tenant`, or replace the terms under which they are.

    Raises Invalid("BAD_ISSUER") and Conflict("AUDIENCE_TAKEN") when another tenant trusts the same issuer for one of
    these audiences: a token must name its tenant unmistakably.
    """
    _check(terms)
    for row in queries.issuers_named(db, terms.issuer):
        if row.tenant_id != tenant.id and set(row.audiences) & set(terms.audiences):
            raise Conflict("AUDIENCE_TAKEN", "another tenant trusts this issuer for the same audience")
    values = terms.model_dump() | {
        "tenant_id": tenant.id,
        "scopes": known_scopes(terms.scopes),
        "token_types": [media_type(kind) for kind in terms.token_types],
        "created_at": now,
        "disabled_at": None,
    }
    queries.put_issuer(db, values)
    _audit(db, tenant, terms.issuer, "issuer.trusted", who, now)


def distrust_issuer(db: Connection, tenant: Tenant, issuer: str, *, who: Actor, now: datetime) -> None:
    """Refuse the issuer's tokens; raises NotFound("UNKNOWN_ISSUER")."""
    if not queries.disable_issuer(db, tenant.id, issuer, now):
        raise NotFound("UNKNOWN_ISSUER", f"{tenant.key} does not trust {issuer}")
    _audit(db, tenant, issuer, "issuer.distrusted", who, now)


def issuers_named(db: Connection, issuer: str) -> list[TrustedIssuer]:
    """Every tenant's trust in `issuer`."""
    return [
        TrustedIssuer(Tenant(row.tenant_id, row.tenant_key, row.environment, row.settings), _terms(row))
        for row in queries.issuers_named(db, issuer)
    ]


def list_issuers(db: Connection, tenant_id: int | None = None) -> list[dict[str, Any]]:
    columns = ("tenant_key", "issuer", "audiences", "scopes", "jwks_uri", "sandbox", "disabled_at")
    return [{name: getattr(row, name) for name in columns} for row in queries.issuers_of(db, tenant_id)]


def _terms(row: queries.AnyRow) -> IssuerTerms:
    return IssuerTerms.model_construct(**{name: getattr(row, name) for name in IssuerTerms.model_fields})


def _check(terms: IssuerTerms) -> None:
    for url in (terms.issuer, terms.jwks_uri):
        if url is not None and not _URL.fullmatch(url):
            raise Invalid("BAD_ISSUER", f"{url!r} is not an address")
    if unknown := _outside(terms.algorithms, ASYMMETRIC):
        raise Invalid("BAD_ISSUER", f"{unknown} is not an asymmetric signature algorithm")


def _outside(values: Sequence[str], allowed: frozenset[str]) -> str | None:
    return next((value for value in values if value not in allowed), None)


def _audit(db: Connection, tenant: Tenant, issuer: str, action: str, who: Actor, now: datetime) -> None:
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=action,
        subject=f"issuer/{issuer}",
        request_id=who.request_id,
        now=now,
    )

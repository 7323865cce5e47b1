"""A user's word, given or taken back: the consent, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.access.tenants import tenant_now
from energygrid.errors import Invalid
from energygrid.flexibility.events import assets as event_assets
from energygrid.flexibility.registry import assets, consents, schemes
from energygrid.flexibility.registry.assets import Asset
from energygrid.flexibility.registry.consents import Consent, Scope, Source, Status


@dataclass(frozen=True, slots=True)
class Word:
    """What a user says of an asset.

    subject     the scheme or event of a word of scope SCHEME or EVENT
    granted_at  when it was given, for one that is entered later; None: now
    """

    user_id: str
    asset_uuid: UUID
    scope: Scope
    subject: UUID | None = None
    status: Status = "GRANTED"
    granted_at: datetime | None = None
    source: Source = "API"
    evidence: Mapping[str, Any] | None = None


def give(db: Connection, tenant: Tenant, word: Word, *, who: Actor, now: datetime) -> Consent:
    """Write a word down and do what it says; the consent as it stands then.

    A consent that stands already stays; a word WITHDRAWN ends it, or is kept as a refusal where there is none.
    Raises NotFound UNKNOWN_ASSET, UNKNOWN_SCHEME or UNKNOWN_EVENT, Conflict ASSET_ARCHIVED, Invalid BAD_CONSENT, and
    what opting in or out of an event raises.
    """
    (asset,) = assets.require(db, tenant, [word.asset_uuid], lock=True)
    _check(db, tenant, asset, word, now)
    if word.status == "GRANTED":
        _grant(db, tenant, asset, word, who, now)
    elif not _withdraw(db, tenant, asset, word.scope, word.subject, who, now):
        _write(db, tenant, asset, word, now)
    facts = {"scope": word.scope, "status": word.status}
    assets.note(db, tenant, "consent.given", f"asset/{asset.uuid}", facts, who, now)
    return consents.newest(db, tenant, asset.uuid, word.scope, word.subject)


def take_back(db: Connection, tenant: Tenant, uuid: UUID, *, who: Actor, now: datetime) -> Consent:
    """End a consent, and what rests on it; ending it again changes nothing. Raises NotFound UNKNOWN_CONSENT."""
    found = consents.find(db, tenant, uuid)
    if found.withdrawn_at is None:
        asset = assets.require(db, tenant, [found.asset_uuid], archived=True, lock=True)[0]
        _withdraw(db, tenant, asset, found.scope, found.scheme_uuid or found.event_uuid, who, now)
        assets.note(db, tenant, "consent.withdrawn", f"asset/{asset.uuid}", {"scope": found.scope}, who, now)
    return consents.find(db, tenant, uuid)


def _check(db: Connection, tenant: Tenant, asset: Asset, word: Word, now: datetime) -> None:
    if word.user_id != asset.user_id:
        raise Invalid("BAD_CONSENT", "userId: the asset is another user's")
    if word.granted_at is not None:
        if word.granted_at > tenant_now(tenant, now):
            raise Invalid("BAD_CONSENT", "grantedAt: this is in the future")
        since = consents.meter_data_withdrawn(db, tenant, [asset.uuid]).get(asset.uuid)
        if word.scope == "METER_DATA" and since is not None and word.granted_at < since:
            raise Invalid("BAD_CONSENT", f"grantedAt: consent was withdrawn after that, at {since.isoformat()}")


def _grant(db: Connection, tenant: Tenant, asset: Asset, word: Word, who: Actor, now: datetime) -> None:
    if word.scope == "SCHEME" and word.subject is not None:
        schemes.opt_in(
            db,
            tenant,
            word.subject,
            [asset.opter],
            who=who,
            now=now,
            opted_in_at=word.granted_at,
            source=word.source,
            evidence=word.evidence,
        )
        return
    _write(db, tenant, asset, word, now)
    if word.subject is not None:
        event_assets.say(db, tenant, word.subject, {asset.uuid: "OPT_IN"}, who=who, now=now)


def _write(db: Connection, tenant: Tenant, asset: Asset, word: Word, now: datetime) -> None:
    consents.grant(
        db,
        tenant,
        {asset.uuid: asset.user_id},
        word.scope,
        word.subject,
        now,
        granted_at=word.granted_at,
        source=word.source,
        evidence=word.evidence,
        withdrawn=word.status == "WITHDRAWN",
    )


def _withdraw(
    db: Connection, tenant: Tenant, asset: Asset, scope: Scope, subject: UUID | None, who: Actor, now: datetime
) -> bool:
    """Whether there was anything to end."""
    stood = bool(consents.standing(db, tenant, [asset.uuid], scope, subject))
    if scope == "SCHEME":
        schemes.opt_out(db, tenant, subject, [asset.opter], who=who, now=now)
    elif subject is not None:
        event_assets.say(db, tenant, subject, {asset.uuid: "OPT_OUT"}, who=who, now=now)
    else:
        consents.withdraw(db, tenant, [asset.uuid], scope, None, now)
    return stood

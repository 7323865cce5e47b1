"""Consents: what users agreed to, from when until when."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from energygrid.flexibility import agreements
from energygrid.flexibility.agreements import Word
from energygrid.flexibility.registry import consents
from energygrid.flexibility.registry.consents import Consent
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, Given, Name, example
from energygrid.surfaces.flex.wire import In, Instant, Out, Page, Paged

router = APIRouter(tags=["Consents"])
Scope = Literal["METER_DATA", "SCHEME", "EVENT"]
ConsentStatus = Literal["GRANTED", "WITHDRAWN"]
Source = Literal["API", "UI", "IMPORT"]
_EXAMPLE: dict[str, Any] = {
    "uuid": "0c9e7f62-3f0d-4d0b-8a57-6f2a1b3c4d5e",
    "userId": "anna",
    "assetUUID": ASSET,
    "scope": "METER_DATA",
    "schemeUUID": None,
    "eventUUID": None,
    "status": "GRANTED",
    "grantedAt": "2026-01-05T09:00:00.000Z",
    "withdrawnAt": None,
    "source": "API",
    "evidence": {"form": "2026-01, paper 4711"},
}


class ConsentIn(In):
    """`status` WITHDRAWN ends the consent that stands, or is kept as a refusal where there is none.

    One of scope SCHEME names its scheme and one of scope EVENT its event, and no other does.
    """

    model_config = example({name: _EXAMPLE[name] for name in ("userId", "assetUUID", "scope", "source", "evidence")})

    user_id: Name
    asset_uuid: UUID
    scope: Scope
    scheme_uuid: UUID | None = None
    event_uuid: UUID | None = None
    status: ConsentStatus = "GRANTED"
    granted_at: Given | None = None
    source: Source = "API"
    evidence: Annotated[
        dict[str, Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]] | None,
        Field(max_length=20, description="Where it can be looked up; no personal data."),
    ] = None

    @model_validator(mode="after")
    def _subject(self) -> "ConsentIn":
        for scope, name, given in (("SCHEME", "schemeUUID", self.scheme_uuid), ("EVENT", "eventUUID", self.event_uuid)):
            if (self.scope == scope) != (given is not None):
                raise ValueError(f"{name} is given with scope {scope}, and with no other")
        return self


class ConsentOut(Out):
    model_config = example(_EXAMPLE)

    uuid: UUID
    user_id: str
    asset_uuid: UUID
    scope: Scope
    scheme_uuid: UUID | None
    event_uuid: UUID | None
    status: ConsentStatus
    granted_at: Instant
    withdrawn_at: Instant | None
    source: Source
    evidence: dict[str, Any] | None

    @classmethod
    def of(cls, consent: Consent) -> "ConsentOut":
        return cls(**{name: getattr(consent, name) for name in cls.model_fields})


@router.post("/consents", status_code=201, operation_id="giveConsent", responses=answers(404, 409))
def give_consent(caller: FlexCaller, body: ConsentIn, db: Db, now: Now, request_id: RequestId) -> ConsentOut:
    """Write down what a user says of an asset, and do it: scopes SCHEME and EVENT opt in or out.

    From the instant METER_DATA is withdrawn, readings are refused and no new baseline uses the asset.
    """
    word = Word(
        user_id=body.user_id,
        asset_uuid=body.asset_uuid,
        scope=body.scope,
        subject=body.scheme_uuid or body.event_uuid,
        status=body.status,
        granted_at=body.granted_at,
        source=body.source,
        evidence=body.evidence,
    )
    return ConsentOut.of(db.write(agreements.give, caller.tenant, word, who=caller.actor(request_id), now=now))


@router.get("/consents", operation_id="listConsents", responses=answers())
def list_consents(
    caller: FlexCaller,
    db: Db,
    paging: Paged,
    asset_uuid: Annotated[UUID | None, Query(alias="assetUUID")] = None,
    user_id: Annotated[str | None, Query(alias="userId", examples=["anna"])] = None,
    scope: Annotated[Scope | None, Query(examples=["SCHEME"])] = None,
    scheme_uuid: Annotated[UUID | None, Query(alias="schemeUUID")] = None,
    event_uuid: Annotated[UUID | None, Query(alias="eventUUID")] = None,
    status: Annotated[ConsentStatus | None, Query(examples=["GRANTED"])] = None,
) -> Page[ConsentOut]:
    """Every consent that was ever given and matches, the oldest first."""
    found, total = db.read(
        consents.listed,
        caller.tenant,
        paging.offset,
        paging.page_size,
        {
            "asset_uuid": asset_uuid,
            "user_id": None if user_id is None else user_id.replace("\x00", "\ufffd"),
            "scope": scope,
            "scheme_uuid": scheme_uuid,
            "event_uuid": event_uuid,
            "standing": None if status is None else status == "GRANTED",
        },
    )
    return paging.of([ConsentOut.of(each) for each in found], total)


@router.get("/consents/{consent_uuid}", operation_id="getConsent", responses=answers(404))
def get_consent(caller: FlexCaller, consent_uuid: UUID, db: Db) -> ConsentOut:
    """One consent."""
    return ConsentOut.of(db.read(consents.find, caller.tenant, consent_uuid))


@router.delete("/consents/{consent_uuid}", operation_id="withdrawConsent", responses=answers(404, 409))
def withdraw_consent(caller: FlexCaller, consent_uuid: UUID, db: Db, now: Now, request_id: RequestId) -> ConsentOut:
    """Withdraw a consent, and leave the scheme or event that it is about. It stays on record."""
    return ConsentOut.of(
        db.write(agreements.take_back, caller.tenant, consent_uuid, who=caller.actor(request_id), now=now)
    )

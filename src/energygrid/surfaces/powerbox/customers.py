"""Customer synchronisation: pull and push on one path, batch push, the mirror, erasure."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from energygrid.access.caller import Caller
from energygrid.billing.erase import erase_customer
from energygrid.customers import pull
from energygrid.customers.batch import BatchReceiver
from energygrid.customers.connector import CisConnector
from energygrid.customers.payload import ID_PATTERN, Checked, check_payload, decode_json
from energygrid.customers.pull import Fetched, Pulled
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.status import require_service
from energygrid.customers.sync import Synced, push_customer
from energygrid.devices.status import binds_of_meters
from energygrid.errors import Invalid
from energygrid.services import Services
from energygrid.surfaces.common.deps import Here, Now, RequestId
from energygrid.surfaces.powerbox.auth import MayPullCustomers, MaySyncCustomers, require_writable
from energygrid.surfaces.powerbox.errors import problems, silent
from energygrid.surfaces.powerbox.idempotency import IdempotencyKey, Once
from energygrid.surfaces.powerbox.wire import BatchAccepted, CustomerResponse

router = APIRouter(tags=["Customer"])

_JSON = re.compile(r"application/(json|[\w.+-]+\+json)")
_NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/octet-stream"})
_RFC3339 = (
    r"^[1-9]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]"
    r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"
)
_PUSH_BODY = {
    "requestBody": {
        "required": False,
        "description": "A customer to push; without a body (or with blanks alone) the customer is pulled from the CIS.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CustomerPayload"}}},
    }
}
_BATCH_BODY = {
    "requestBody": {
        "required": True,
        "description": "One CustomerPayload a line.",
        "content": {"application/x-ndjson": {"schema": {"type": "string", "pattern": r"\S"}}},
    }
}
_SYNC_HEADERS = {
    "PowerBox-Sync-Result": {
        "description": "created, updated, unchanged or stale; absent when the mirror itself was read.",
        "schema": {"type": "string", "enum": ["created", "updated", "unchanged", "stale"]},
    },
    "PowerBox-Warnings": {"description": "Warnings about the payload.", "schema": {"type": "integer"}},
    "PowerBox-Profile-Id": {"description": "GUID for hemProfileId.", "schema": {"type": "string", "format": "uuid"}},
    "Age": {"description": "Seconds, when the mirror stood in for the CIS.", "schema": {"type": "integer"}},
}

ClientId = Annotated[str, Path(alias="clientId", pattern=ID_PATTERN, description="The CIS' id of the customer.")]
Include = Annotated[
    Literal["bind"] | SkipJsonSchema[None], Query(description="bind: every meter also says bindState and boundDevice.")
]
Prefer = Annotated[
    str,
    Header(
        max_length=200,
        description="stale-ok: when the CIS does not answer, the mirror may, with an Age header.",
    ),
]


async def _source_time(
    powerbox_source_time: Annotated[
        str | SkipJsonSchema[None],
        Header(
            pattern=_RFC3339,
            json_schema_extra={"format": "date-time"},
            description="When the payload was true (RFC 3339); a push older than the newest known is ignored.",
        ),
    ] = None,
) -> datetime | None:
    if powerbox_source_time is None:
        return None
    try:
        return datetime.fromisoformat(powerbox_source_time.upper())
    except ValueError as error:
        raise Invalid("INVALID_PAYLOAD", "PowerBox-Source-Time is not a time as RFC 3339 writes it") from error


async def _within_rate(request: Request, caller: MayPullCustomers) -> None:
    """Contract 5.6: 20 requests a second for a tenant, unless it has another setting."""
    rate = caller.tenant.section("customers", CustomerSettings).sync_per_second
    request.app.state.limits.require(f"customers/{caller.tenant.id}", rate)


async def _body(request: Request) -> bytes:
    return await request.body()


SourceTime = Annotated[datetime | None, Depends(_source_time)]
Body = Annotated[bytes, Depends(_body)]


@dataclass(frozen=True, slots=True)
class _Call:
    """What pushing and pulling have in common."""

    here: Services
    request: Request
    caller: Caller
    request_id: str
    now: datetime
    include_bind: bool
    once: Once

    def shown(self, db: Any, document: dict[str, Any]) -> dict[str, Any]:
        return _with_binds(db, self.caller.tenant.id, document) if self.include_bind else document


@router.post(
    "/powerbox/customer",
    operation_id="syncCustomer",
    summary="Synchronise a customer",
    response_model=CustomerResponse,
    responses={200: {"headers": _SYNC_HEADERS}} | problems(400, 409, 413, 415, 422, 429) | silent(401, 403, 404, 503),
    openapi_extra=_PUSH_BODY,
    dependencies=[Depends(_within_rate)],
)
def sync_customer(
    request: Request,
    here: Here,
    caller: MayPullCustomers,
    body: Body,
    source_time: SourceTime,
    request_id: RequestId,
    now: Now,
    client_id: Annotated[
        str | SkipJsonSchema[None], Query(alias="clientId", pattern=ID_PATTERN, description="Whom to pull.")
    ] = None,
    include: Include = None,
    prefer: Prefer = "",
    key: IdempotencyKey = None,
) -> Response:
    """Push a customer (JSON body) or pull one from the CIS (no body); idempotent on clientId."""
    once = Once(here.database, here.vault, request, caller, key, body, now)
    call = _Call(here, request, caller, request_id, now, include == "bind", once)
    if body.strip():
        return _push(call, body, client_id, source_time)
    return _pull(call, client_id, stale_ok="stale-ok" in re.split(r"[,;\s]+", prefer.lower()))


def _push(call: _Call, body: bytes, client_id: str | None, source_time: datetime | None) -> Response:
    require_writable(call.caller)
    _require_type(call.request, _JSON, "application/json")
    tenant = call.caller.tenant
    checked = check_payload(decode_json(body), tenant.section("customers", CustomerSettings))
    if client_id not in {None, checked.payload.client_id}:
        raise Invalid("INVALID_PAYLOAD", "the query names another clientId than the payload")

    def effect(db: Any) -> Synced:
        who = call.caller.actor(call.request_id)
        synced = push_customer(
            db, tenant, checked, vault=call.here.vault, who=who, now=call.now, source_time=source_time
        )
        return replace(synced, document=call.shown(db, synced.document))

    return replace(call.once, subject=_subject(checked)).answer(effect, _pushed)


def _pull(call: _Call, asked: str | None, *, stale_ok: bool) -> Response:
    tenant = call.caller.tenant
    client_id = pull.client_to_pull(call.caller, asked)
    once = replace(call.once, subject=f"customer/{client_id}")
    stored = once.stored()
    if stored is not None:
        return stored
    connector: CisConnector = call.request.app.state.cis
    fetched: Fetched = pull.fetch(connector, tenant, client_id, stale_ok=stale_ok)

    def effect(db: Any) -> Pulled:
        who = call.caller.actor(call.request_id)
        pulled = pull.settle(db, tenant, fetched, vault=call.here.vault, who=who, now=call.now)
        return replace(pulled, document=call.shown(db, pulled.document))

    def respond(pulled: Pulled) -> Response:
        require_service(tenant, pulled.acct_status)
        return _pulled(pulled)

    return once.answer(effect, respond)


def _subject(checked: Checked) -> str:
    return f"customer/{checked.payload.client_id}"


def _pushed(synced: Synced) -> Response:
    headers = {
        "PowerBox-Sync-Result": synced.outcome,
        "PowerBox-Warnings": str(len(synced.notices)),
        "PowerBox-Profile-Id": str(synced.profile_id),
    }
    return _document(synced.document, headers)


def _pulled(pulled: Pulled) -> Response:
    headers = {"PowerBox-Warnings": str(pulled.notices), "PowerBox-Profile-Id": str(pulled.profile_id)}
    if pulled.outcome is not None:
        headers["PowerBox-Sync-Result"] = pulled.outcome
    if pulled.age_s is not None:
        headers["Age"] = str(pulled.age_s)
    return _document(pulled.document, headers)


def _document(document: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(document), headers=headers, media_type="application/json")


def _with_binds(db: Any, tenant_id: int, document: dict[str, Any]) -> dict[str, Any]:
    """Contract C10: only when asked for, what is bound to each meter."""
    meters = [meter for site in document["customerSites"] for meter in site["meters"]]
    bindings = binds_of_meters(db, tenant_id, [meter["meterId"] for meter in meters])
    for meter in meters:
        binding = bindings.get(meter["meterId"])
        if binding is not None:
            meter["bindState"] = binding.state
            if binding.device is not None:
                meter["boundDevice"] = binding.device
    return document


def _require_type(request: Request, accepted: re.Pattern[str] | frozenset[str], wanted: str) -> None:
    """A body without a type is taken for what is expected; codings are not read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    fits = accepted.fullmatch(kind) if isinstance(accepted, re.Pattern) else kind in accepted
    if kind and not fits:
        raise Invalid("UNSUPPORTED_FORMAT", f"the body is not read as {kind}; send {wanted}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Invalid("UNSUPPORTED_FORMAT", "content codings are not read; send the body as it is")


@router.post(
    "/powerbox/customer/batch",
    operation_id="syncCustomerBatch",
    status_code=202,
    response_model=BatchAccepted,
    responses=problems(400, 401, 403, 413, 415, 429),
    openapi_extra=_BATCH_BODY,
    dependencies=[Depends(_within_rate)],
)
async def sync_customer_batch(
    request: Request, here: Here, caller: MaySyncCustomers, source_time: SourceTime, request_id: RequestId, now: Now
) -> Response:
    """Push many customers: stored before this answers, worked on line by line in the background."""
    _require_type(request, _NDJSON, "application/x-ndjson")
    with BatchReceiver(here.vault, here.settings.upload_limit) as receiver:
        async for piece in request.stream():
            await run_in_threadpool(receiver.add, piece)
        if receiver.is_blank:
            raise Invalid("INVALID_PAYLOAD", "the batch is empty")
        job = await run_in_threadpool(
            here.database.write,
            receiver.open_job,
            caller.tenant,
            caller.actor(request_id),
            source_time=source_time,
            now=now,
        )
    accepted = BatchAccepted(job_id=job.id, kind="customers", state=job.state)
    location = f"{request.scope.get('root_path', '')}/powerbox/ingest/jobs/{job.id}"
    return Response(accepted.model_dump_json(), 202, {"Location": location}, "application/json")


@router.get(
    "/powerbox/customer/{clientId:path}",  # noqa: FAST003 - the alias is in ClientId
    operation_id="readCustomer",
    response_model=CustomerResponse,
    responses=problems(400, 401, 403, 404),
)
def read_customer(
    here: Here, caller: MaySyncCustomers, client_id: ClientId, request_id: RequestId, now: Now, include: Include = None
) -> Response:
    """The mirror of a customer, whatever its status; the CIS is not asked."""

    def read(db: Any) -> Response:
        found = pull.read_customer(
            db, caller.tenant, client_id, vault=here.vault, who=caller.actor(request_id), now=now
        )
        document = _with_binds(db, caller.tenant.id, found.document) if include == "bind" else found.document
        return _document(document, {"PowerBox-Profile-Id": str(found.profile_id)})

    return here.database.write(read)


@router.delete(
    "/powerbox/customer/{clientId:path}",  # noqa: FAST003 - the alias is in ClientId
    operation_id="eraseCustomer",
    status_code=204,
    responses=problems(400, 401, 403, 404),
)
def erase(here: Here, caller: MaySyncCustomers, client_id: ClientId, request_id: RequestId, now: Now) -> None:
    """Erase everything personal about a customer; afterwards it is unknown here."""
    here.database.write(erase_customer, caller.tenant, client_id, who=caller.actor(request_id), now=now)

"""Binding of devices: the request, what became of it, and what gateways report (contract P-3, 3.4)."""

import re
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.devices import events, requests, status
from energygrid.devices.gateways.reports import EventsIn, check_signature
from energygrid.devices.parties import Whose
from energygrid.devices.requests import BindResult, DeviceAsked
from energygrid.devices.settings import devices_settings
from energygrid.errors import Denied, Invalid, NotFound, Unauthenticated
from energygrid.surfaces.common.bearer import check_bearer
from energygrid.surfaces.common.deps import Db, Here, Now, RequestId
from energygrid.surfaces.powerbox.auth import Credentials, MayBindHardware, certificate_of, require_writable
from energygrid.surfaces.powerbox.bind_wire import (
    Accepted,
    BindRequest,
    BindStatusOut,
    BindStatusWithHistory,
    EventsOut,
)
from energygrid.surfaces.powerbox.errors import problems, silent
from energygrid.surfaces.powerbox.idempotency import IdempotencyKey, Once

router = APIRouter(tags=["Hardware"])

_KEEP: Final = timedelta(days=7)
_EVENTS_SCOPE: Final = "hardware.events"
_RESULT_HEADER = {
    "PowerBox-Bind-Result": {
        "description": "noop when nothing had to be done; else absent.",
        "schema": {"type": "string", "enum": ["noop"]},
    }
}

BindId = Annotated[str, Path(alias="bindRequestId", pattern=r"^[\x21-\x7E]{1,64}$")]
MeterId = Annotated[str, Path(alias="meterId", pattern=r"^[\x21-\x7E]{1,64}$")]
Prefer = Annotated[
    str,
    Header(max_length=200, description="handling=strict: binding what is bound already is an error everywhere."),
]


async def _json_body(request: Request) -> bytes:
    """The body as sent; only JSON is read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not re.fullmatch(r"application/(json|[\w.+-]+\+json)", kind):
        raise Invalid("UNSUPPORTED_FORMAT", "send the body with Content-Type: application/json")
    return await request.body()


JsonBody = Annotated[bytes, Depends(_json_body)]


@router.post(
    "/powerbox/bind",
    operation_id="bindDevice",
    summary="Bind or release a device",
    response_model=Accepted,
    responses={200: {"headers": _RESULT_HEADER}} | problems(400, 409, 413, 415, 422) | silent(401, 403, 404, 503),
)
def bind_device(
    request: Request,
    here: Here,
    caller: MayBindHardware,
    raw: JsonBody,
    body: BindRequest,
    request_id: RequestId,
    now: Now,
    prefer: Prefer = "",
    key: IdempotencyKey = None,
) -> Response:
    """Ask for a device to be bound to a meter (actionCode 1) or released (0); pairing itself takes minutes to hours."""
    strict = "handling=strict" in re.split(r"[,;\s]+", prefer.lower())
    whose = Whose(body.hem_profile_id, body.meter_id, body.account_slid)
    tenant, who = caller.tenant, caller.actor(request_id)
    content = raw + (b"\nstrict" if strict else b"")
    once = Once(here.database, here.vault, request, caller, key, content, now, keep=_KEEP)
    if body.releases:
        mac = body.mac_address
        return once.answer(lambda db: requests.request_release(db, tenant, who, whose, mac, now), _release_accepted)
    device = DeviceAsked(body.required_mac, body.required_code, strict=strict)
    return once.answer(
        lambda db: requests.request_bind(db, here.vault, tenant, who, whose, device, now), _bind_accepted
    )


def _bind_accepted(result: BindResult) -> Response:
    return _accepted(result, releases=False)


def _release_accepted(result: BindResult) -> Response:
    return _accepted(result, releases=True)


def _accepted(result: BindResult, *, releases: bool) -> Response:
    accepted = Accepted.of(result, releases=releases)
    headers = {"PowerBox-Bind-Result": "noop"} if result.noop else {}
    return Response(accepted.model_dump_json(exclude_none=True), 200, headers, "application/json")


@router.get(
    "/powerbox/bind/{bindRequestId:path}",  # noqa: FAST003 - the alias is in BindId
    operation_id="readBindRequest",
    response_model_exclude_none=True,
    responses=problems(400, 401, 403, 404),
)
def read_bind_request(
    caller: MayBindHardware, bind_id: BindId, db: Db, request_id: RequestId, now: Now
) -> BindStatusWithHistory:
    """One bind request with everything that was said about it."""
    who = caller.actor(request_id)
    return BindStatusWithHistory.of_found(db.write(status.bind_status, caller.tenant, who, bind_id, now))


@router.get(
    "/powerbox/meters/{meterId:path}/bind",  # noqa: FAST003 - the alias is in MeterId
    operation_id="readMeterBind",
    response_model_exclude_none=True,
    responses=problems(400, 401, 403, 404),
)
def read_binding(caller: MayBindHardware, meter_id: MeterId, db: Db, request_id: RequestId, now: Now) -> BindStatusOut:
    """The bind of one meter: the active one, or the last that ended; 404 when none was ever requested."""
    who = caller.actor(request_id)
    return BindStatusOut.of(db.write(status.current_binding, caller.tenant, who, meter_id, now))


Signature = Annotated[str | None, Header(max_length=2000, description="v1,<base64 HMAC-SHA256>; see docs/binding.md.")]


async def _gateways_tenant(
    request: Request,
    here: Here,
    now: Now,
    credentials: Credentials,
    body: JsonBody,
    powerbox_tenant: Annotated[str, Header(max_length=63, description="Whose gateway signs; not with a token.")] = "",
    webhook_id: Annotated[str, Header(max_length=255)] = "",
    webhook_timestamp: Annotated[str, Header(max_length=20)] = "",
    webhook_signature: Signature = None,
) -> Tenant:
    """The tenant whose gateway calls: by a bearer token, or by a signature under the tenant's secret."""
    if webhook_signature is None or credentials is not None:
        return await _tokens_tenant(request, credentials)
    try:
        tenant = await run_in_threadpool(here.database.read, tenants.find_tenant, powerbox_tenant)
        secret = devices_settings(tenant).http.event_secret.get_secret_value()
    except NotFound:
        tenant, secret = None, ""
    check_signature(secret, webhook_id, webhook_timestamp, webhook_signature, body, now)
    assert tenant is not None
    return tenant


async def _tokens_tenant(request: Request, credentials: Credentials) -> Tenant:
    if credentials is None:
        raise Unauthenticated("INVALID_TOKEN", "send an access token, or sign the events")
    caller = await check_bearer(request, credentials.credentials, certificate_of(request))
    if not caller.may(_EVENTS_SCOPE):
        message = f"the token lacks the scope {_EVENTS_SCOPE}"
        raise Denied("INSUFFICIENT_SCOPE", message, scope=_EVENTS_SCOPE)
    require_writable(caller)
    return caller.tenant


GatewaysTenant = Annotated[Tenant, Depends(_gateways_tenant)]


@router.post(
    "/powerbox/gateway/events",
    operation_id="reportGatewayEvents",
    summary="Report what a gateway saw",
    responses=problems(400, 401, 403, 413, 415),
)
def report_events(tenant: GatewaysTenant, body: EventsIn, db: Db, now: Now) -> EventsOut:
    """Events of binds, from a head end; telling one twice is harmless."""
    return EventsOut(unknown=events.report(db, tenant, [event.as_event() for event in body.events], now))

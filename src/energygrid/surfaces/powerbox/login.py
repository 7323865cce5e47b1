"""POST /powerbox/login: whom does this consumer's token mean (contract 1.5)."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from joserfc.util import urlsafe_b64decode
from starlette.responses import Response

from energygrid.access import jose
from energygrid.access.caller import Caller
from energygrid.access.issuers import issuers_named
from energygrid.customers import login
from energygrid.customers.connector import CisConnector
from energygrid.customers.login import LoginRefused
from energygrid.customers.settings import CisSettings
from energygrid.errors import Unauthenticated
from energygrid.surfaces.common.deps import Here, Now, RequestId, services_of
from energygrid.surfaces.powerbox.auth import Credentials, certificate_of, token_of
from energygrid.surfaces.powerbox.errors import silent
from energygrid.surfaces.powerbox.wire import LoginErrorOut, LoginOut

router = APIRouter(tags=["Login"])

_REFUSED: dict[str, Any] = {"model": LoginErrorOut, "description": "refused, for the numbered reason"}


@router.post(
    "/powerbox/login",
    operation_id="login",
    response_model=LoginOut,
    responses={401: _REFUSED, 404: _REFUSED, **silent(503)},
)
def sign_in(request: Request, here: Here, credentials: Credentials, request_id: RequestId, now: Now) -> Response:
    """The client id of the customer whose token this is; a utility with a PowerBox of its own is asked for it."""
    token = token_of(credentials)
    try:
        caller = here.tokens.check(token, now, certificate_of(request))
    except Unauthenticated as error:
        if error.code != "EXPIRED_TOKEN":
            raise
        number = here.database.write(_count_failure, token, now)
        raise LoginRefused(number, "the token has expired") from error
    client_id = _client_id(request, caller, token, request_id, now)
    return Response(LoginOut(client_id=client_id).model_dump_json(), media_type="application/json")


def _client_id(request: Request, caller: Caller, token: str, request_id: str, now: datetime) -> str:
    if caller.tenant.section("cis", CisSettings).mode == "powerbox_pull":
        connector: CisConnector = request.app.state.cis
        return connector.login(caller.tenant, token)
    database = services_of(request).database
    return database.write(login.sign_in, caller, who=caller.actor(request_id), now=now)


def _count_failure(db: Any, token: str, now: datetime) -> login.LoginNumber:
    """An expired token counts against the customer it names: its signature was good, or it would not be `expired`."""
    unverified = jose.read(token)
    for trusted in issuers_named(db, unverified.issuer):
        if unverified.audiences & set(trusted.terms.audiences):
            claims = jose.strict_json(urlsafe_b64decode(token.split(".")[1].encode()))
            return login.failed_sign_in(db, trusted.tenant, claims, now)
    return login.NO_ACCOUNT

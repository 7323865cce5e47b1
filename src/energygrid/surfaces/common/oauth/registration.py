"""Dynamic registration of third parties (RFC 7591), and what they do with their registration (RFC 7592)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security.utils import get_authorization_scheme_param

from energygrid.access.caller import Actor
from energygrid.access.oauth.client_auth import network_of
from energygrid.access.oauth.messages import InvalidToken
from energygrid.access.third_parties import changing, credentials, registration
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.errors import Unauthenticated
from energygrid.greenbutton.notices import addresses, changes
from energygrid.messaging.webhooks.posting import guarded_client
from energygrid.services import Services
from energygrid.surfaces.common.deps import Here, Now, RequestId
from energygrid.surfaces.common.oauth.endpoints import utility_of
from energygrid.surfaces.common.oauth.forms import json_of
from energygrid.surfaces.common.oauth.wire import ErrorOut, metadata_body

router = APIRouter(tags=["registration"])

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "invalid_client_metadata or invalid_redirect_uri"},
    401: {"model": ErrorOut, "description": "the token is not known"},
    403: {"model": ErrorOut, "description": "the utility does not let everybody register"},
    429: {"model": ErrorOut, "description": "too many registrations; see Retry-After"},
}


async def _bearer(request: Request) -> str | None:
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    return token if scheme.lower() == "bearer" and token else None


async def _address(request: Request) -> str:
    peer = request.client.host if request.client else None
    return network_of(request.app.state.trusted_hops.caller_address(peer, request.headers))


Posted = Annotated[dict[str, Any], Depends(json_of)]
Token = Annotated[str | None, Depends(_bearer)]


@router.post("/register", status_code=201, responses=_ERRORS, openapi_extra=metadata_body("client metadata"))
def register(
    request: Request,
    posted: Posted,
    token: Token,
    here: Here,
    now: Now,
    request_id: RequestId,
    network: Annotated[str, Depends(_address)],
) -> JSONResponse:
    """Register a third party (RFC 7591). It starts under review; its keys are in this answer and never shown again."""
    metadata = registration.read_metadata(posted)
    _vet(here, metadata.notify_uri)
    named = posted.get("utility")
    utility = utility_of(request) or (named if isinstance(named, str) else None)
    with here.database.transaction() as db, _bearer_errors():
        made = registration.register(
            db,
            here.vault,
            metadata,
            utility=utility,
            token=token,
            network=network,
            request_id=request_id,
            now=now,
        )
        who = Actor(made.third_party.client_id, request_id)
        notify = metadata.notify_uri
        party, signing = addresses.set_notify_uri(db, here.vault, made.third_party, notify, who=who, now=now)
    shown = {
        "client_secret": made.secret and made.secret.get_secret_value(),
        "thirdPartyNotifySecret": signing,
    }
    body = _told(here, party, made.registration_token.get_secret_value())
    return JSONResponse(body | {name: value for name, value in shown.items() if value}, 201, _NO_STORE)


@router.get("/register/{client_id}", response_model=dict[str, Any], responses=_ERRORS)
def read(request: Request, client_id: str, token: Token, here: Here) -> JSONResponse:
    """The registration as it stands (RFC 7592 section 2.1); its secret is not told again."""
    party = here.database.read(_owner, here, utility_of(request), client_id, token)
    return JSONResponse(_told(here, party, str(token)), headers=_NO_STORE)


@router.put(
    "/register/{client_id}", response_model=dict[str, Any], responses=_ERRORS, openapi_extra=metadata_body("all of it")
)
def replace(
    request: Request,
    client_id: str,
    posted: Posted,
    token: Token,
    here: Here,
    now: Now,
    request_id: RequestId,
) -> JSONResponse:
    """Replace the registration (RFC 7592 section 2.2). To ask for more kinds of data puts it back under review."""
    metadata = registration.read_metadata(posted)
    _vet(here, metadata.notify_uri)
    with here.database.transaction() as db:
        party = _owner(db, here, utility_of(request), client_id, token)
        who = Actor(party.client_id, request_id)
        changed = registration.replace(db, here.vault, party, posted, who=who, now=now)
        changed, signing = addresses.set_notify_uri(db, here.vault, changed, metadata.notify_uri, who=who, now=now)
        changes.application_changed(db, changed, now)
    shown = {"thirdPartyNotifySecret": signing} if signing else {}
    return JSONResponse(_told(here, changed, str(token)) | shown, headers=_NO_STORE)


@router.delete("/register/{client_id}", status_code=204, response_class=Response, responses=_ERRORS)
def delete(request: Request, client_id: str, token: Token, here: Here, now: Now, request_id: RequestId) -> Response:
    """Leave (RFC 7592 section 2.3): tokens and authorizations end, for ever."""
    with here.database.transaction() as db:
        party = _owner(db, here, utility_of(request), client_id, token)
        for ended in changing.withdraw(db, party.client_id, who=Actor(party.client_id, request_id), now=now):
            changes.consent_changed(db, party.tenant, ended, now)
    return Response(status_code=204, headers=_NO_STORE)


def _owner(db: Any, here: Services, utility: str | None, client_id: str, token: str | None) -> ThirdParty:
    """The third party whose registration access token it is; one answer whatever is wrong."""
    with _bearer_errors():
        party = credentials.of_registration_token(db, here.vault, token or "")
    if party.client_id != client_id or (utility is not None and party.tenant.key != utility.lower()):
        raise InvalidToken("the registration access token is not known")
    return party


@contextmanager
def _bearer_errors() -> Iterator[None]:
    try:
        yield
    except Unauthenticated as error:
        raise InvalidToken(error.message) from error


def _vet(here: Services, notify_uri: str | None) -> None:
    """Resolves the name, so it stands outside any transaction."""
    if notify_uri is not None:
        allow = tuple(here.settings.outgoing_allow)
        addresses.check(guarded_client(allow, allow_http=here.settings.outgoing_http), notify_uri)


def _told(here: Services, party: ThirdParty, token: str) -> dict[str, Any]:
    at = f"{here.tokens.authority.issuer}/oauth/register/{party.client_id}"
    return registration.tell(party) | {"registration_access_token": token, "registration_client_uri": at}

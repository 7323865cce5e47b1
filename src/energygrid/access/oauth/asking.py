"""The authorisation endpoint: what a third party asks, before a person sees it.

Nothing is sent to an address that is not known to be the third party's own: until client and redirect address are
checked, what is wrong is told to the person at the screen. Source: RFC 6749 section 4.1.1; RFC 7636; RFC 9700 section
4.11; contracts/greenbutton.md 3.5 and OAD001.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from sqlalchemy import Connection

from energygrid.access import throttle
from energygrid.access.clients import is_client_id
from energygrid.access.consents.espi_scope import is_offered, parse_scope
from energygrid.access.oauth import queries
from energygrid.access.oauth.client_auth import network_of
from energygrid.access.oauth.redirects import answer_url
from energygrid.access.oauth.secrets_on_wire import REQUEST, fingerprint, new_value
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.settings import SharingSettings
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.throttle import Rate
from energygrid.access.vault import Vault
from energygrid.errors import Invalid, Throttled

LIFETIME = timedelta(minutes=10)
_PER_ADDRESS = Rate(60, timedelta(minutes=1))
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_STATE = 4096
_MOST_PARAMETERS = 50


@dataclass(frozen=True, slots=True)
class Refused:
    """Told to the person at the screen; the browser is sent nowhere. status: 400 or 401."""

    status: int
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class SentBack:
    """The third party is told, at an address of its own."""

    url: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A person is to decide. `request_id` is for the address of the consent page."""

    request_id: str


class _Wrong(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def ask(
    db: Connection,
    vault: Vault,
    *,
    issuer: str,
    query: bytes,
    utility: str | None,
    address: str,
    now: datetime,
) -> Refused | SentBack | Asked:
    """Judge an authorisation request and keep it for ten minutes.

    query    the raw query string
    utility  key of the one tenant whose third parties are known at this address; None: all of them
    address  of the browser, for a limit on requests; raises Throttled("RATE_LIMITED")
    """
    if wait := throttle.take(db, f"authorize from {network_of(address)}", _PER_ADDRESS, now):
        raise Throttled("RATE_LIMITED", "too many requests from this address", retry_after=wait)
    try:
        said = _parameters(query)
    except _Wrong as wrong:
        return Refused(400, wrong.error, wrong.description)
    party = _party(db, said.get("client_id", ""), utility)
    if party is None:
        return Refused(401, "invalid_client", "the application that sent you here is not registered")
    redirect_uri = said.get("redirect_uri")
    if redirect_uri is not None and redirect_uri not in party.redirect_uris:
        return Refused(
            400, "invalid_request", "the application that sent you here named an address it did not register"
        )
    state = said["state"].encode("utf-8", "surrogateescape") if "state" in said else None
    try:
        values = _checked(party, said)
    except _Wrong as wrong:
        if redirect_uri is None:
            return Refused(400, wrong.error, wrong.description)
        facts = {"error": wrong.error, "error_description": wrong.description}
        return SentBack(answer_url(redirect_uri, issuer, state, facts))
    request_id = new_value(party.tenant.id)
    kept = {
        "tenant_id": party.tenant.id,
        "fingerprint": fingerprint(vault, REQUEST, request_id),
        "client_id": party.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "created_at": now,
        "expires_at": now + LIFETIME,
    }
    queries.insert_request(db, {**kept, **values})
    return Asked(request_id)


def _parameters(query: bytes) -> dict[str, str]:
    """Each parameter once; an empty one counts as left out. Bytes that are no UTF-8 are kept as they are."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=_MOST_PARAMETERS,
            errors="surrogateescape",
            separator="&",
        )
    except ValueError as error:
        raise _Wrong("invalid_request", "the request has too many parameters") from error
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise _Wrong("invalid_request", "a parameter is given more than once")
    return {name: value for name, value in pairs if value}


def _party(db: Connection, client_id: str, utility: str | None) -> ThirdParty | None:
    party = third_parties.find_by_client(db, client_id) if is_client_id(client_id) else None
    if party is None or (utility is not None and party.tenant.key != utility.lower()):
        return None
    return party


def _checked(party: ThirdParty, said: Mapping[str, str]) -> dict[str, object]:
    """What is kept of a request that may go on; raises _Wrong with an error code of RFC 6749."""
    if "response_type" not in said:
        raise _Wrong("invalid_request", "the response_type is missing")
    if said["response_type"] != "code":
        raise _Wrong("unsupported_response_type", "the response_type must be code")
    if party.status not in {Status.REVIEW, Status.LIVE}:
        raise _Wrong("unauthorized_client", "the application is on hold or was revoked")
    if len(said.get("state", "")) > _LONGEST_STATE:
        raise _Wrong("invalid_request", "the state is too long")
    return {
        "scope": _scope(party, said.get("scope")),
        "code_challenge": _challenge(party, said),
        "fresh_login": said.get("prompt") in {"on", "login"},
    }


def _scope(party: ThirdParty, wanted: str | None) -> str:
    text = wanted or party.offered_scopes[0]
    try:
        scope = parse_scope(text)
    except Invalid as error:
        raise _Wrong("invalid_scope", error.message) from error
    if not is_offered(scope, party.offered_scopes):
        raise _Wrong("invalid_scope", "the application may not ask for all of these data")
    return text


def _challenge(party: ThirdParty, said: Mapping[str, str]) -> str | None:
    challenge = said.get("code_challenge")
    if challenge is None:
        if "code_challenge_method" in said:
            raise _Wrong("invalid_request", "the code_challenge is missing")
        if party.public or party.tenant.section("sharing", SharingSettings).require_pkce:
            raise _Wrong("invalid_request", "a code_challenge (PKCE, S256) is needed")
        return None
    if said.get("code_challenge_method") != "S256":
        raise _Wrong("invalid_request", "the code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise _Wrong("invalid_request", "the code_challenge is malformed")
    return challenge

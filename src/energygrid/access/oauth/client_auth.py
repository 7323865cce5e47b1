"""Who a client is: HTTP Basic or the form, one of them, with failures counted. A public client just names itself.

Failures count per client *and* network address, so that nobody can lock out a client from somewhere else, and per
address over all clients, so that nobody can try one client after the other.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.util import scope_to_list
from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import throttle
from energygrid.access.clients import Client, find_client, is_client_id
from energygrid.access.oauth.messages import InvalidClient, OAuthRequest
from energygrid.access.settings import AccessSettings
from energygrid.access.third_parties.settings import SharingSettings
from energygrid.access.throttle import FailureRule
from energygrid.access.vault import Vault

_BASIC = re.compile(r"basic +([A-Za-z0-9+/=]{1,2048})", re.IGNORECASE)


class OAuthClient(ClientMixin):  # type: ignore[misc]
    """A client as Authlib's grants ask about it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.client_id

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """All that was asked for, or the client's own scopes when nothing was; None when it is not all allowed."""
        wanted = scope_to_list(scope) if scope else list(self.client.scopes)
        allowed = bool(wanted) and set(self.client.scopes).issuperset(wanted)
        return " ".join(dict.fromkeys(wanted)) if allowed else None

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.client.grants

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.client.redirect_uris


@dataclass(frozen=True, slots=True)
class Credentials:
    """`secret` is None where a client only names itself, which is enough for a public one."""

    client_id: str
    secret: SecretStr | None = field(repr=False)


def credentials_in(request: OAuthRequest, form: Mapping[str, str]) -> Credentials:
    """The one pair of credentials of a request.

    Raises InvalidClient when there is none, and InvalidRequestError when there are two (RFC 6749 section 2.3). A
    client id in the form beside the same one in Basic does no harm and is common.
    """
    if request.authorization is None:
        if "client_id" not in form:
            raise InvalidClient
        return Credentials(form["client_id"], SecretStr(form["client_secret"]) if "client_secret" in form else None)
    basic = _from_basic(request.authorization)
    if "client_secret" in form or form.get("client_id", basic.client_id) != basic.client_id:
        raise InvalidRequestError("the client identifies itself in two ways")
    return basic


def _from_basic(authorization: str) -> Credentials:
    match = _BASIC.fullmatch(authorization)
    if match is None:
        raise InvalidClient
    try:
        text = base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClient from error
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise InvalidClient
    return Credentials(unquote(client_id), SecretStr(unquote(secret)))


def authenticate(
    db: Connection, vault: Vault, rules: AccessSettings, request: OAuthRequest, form: Mapping[str, str], now: datetime
) -> Client:
    """The client that the request proves to come from.

    Raises InvalidClient, counting the failure (so the transaction must commit), and Throttled while locked.
    """
    given = credentials_in(request, form)
    client = find_client(db, given.client_id)
    if client is not None and request.utility is not None and client.tenant.key != request.utility.lower():
        client = None
    if given.secret is None:
        if client is None or client.auth_method != "none" or client.disabled_at is not None:
            raise InvalidClient
        return client
    keys = _throttle_keys(given.client_id, request.address)
    for key in keys:
        throttle.require_unlocked(db, key, now)
    if client and client.disabled_at is None and client.knows(vault, given.secret.get_secret_value()):
        _check_strictly(client, request, form)
        return client
    sandbox = client is not None and client.tenant.environment == "sandbox"
    limits = (rules.sandbox_failures if sandbox else rules.failures, rules.address_failures)
    for key, count in zip(keys, limits, strict=True):
        throttle.fail(db, key, failure_rule(rules, count), now)
    raise InvalidClient


def _check_strictly(client: Client, request: OAuthRequest, form: Mapping[str, str]) -> None:
    twice = request.authorization is not None and "client_id" in form
    if twice and client.tenant.section("sharing", SharingSettings).strict_client_auth:
        raise InvalidRequestError("a client_id stands beside HTTP Basic")


def failure_rule(rules: AccessSettings, count: int) -> FailureRule:
    return FailureRule(count, timedelta(seconds=rules.failure_window_s), timedelta(seconds=rules.lock_s))


def network_of(address: str) -> str:
    """What one caller holds: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "-"
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or IPv6Network((ip, 64), strict=False))
    return str(ip)


def _throttle_keys(client_id: str, address: str) -> tuple[str, str]:
    network = network_of(address)
    named = client_id if is_client_id(client_id) else "?"
    return f"client {named} from {network}", f"clients from {network}"

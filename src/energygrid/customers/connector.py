"""The client role: asking the PowerBox that a utility hosts itself (contract C1, 1.5, 1.6).

Either a bearer token by client credentials, or mutual TLS with HTTP Basic. Whatever goes wrong on the way is one thing
to our callers: the CIS does not answer.
"""

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import Connection

from energygrid.access import tenants
from energygrid.access.caller import Actor, Tenant
from energygrid.access.outgoing import Answer, ClientCertificate, OutgoingClient
from energygrid.access.vault import Vault
from energygrid.customers.login import NUMBERS, LoginRefused
from energygrid.customers.mirror import unknown_client
from energygrid.customers.payload import Checked, check_payload, decode_json
from energygrid.customers.settings import CisSettings, CustomerSettings
from energygrid.errors import Denied, DomainError, Invalid, Unavailable

_PURPOSE = "cis.connector"
_MOST_BYTES = 1 << 20
_EARLY_S = 30.0


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    until: float


class CisConnector:
    """Calls every tenant's PowerBox for one process; safe for many threads. Bearer tokens are kept while they last."""

    def __init__(self, outgoing: OutgoingClient, vault: Vault) -> None:
        self._outgoing = outgoing
        self._vault = vault
        self._tokens: dict[tuple[int, str, str], _Token] = {}
        self._lock = threading.Lock()

    def fetch_customer(self, tenant: Tenant, client_id: str) -> Checked:
        """What the utility says about a client now.

        Raises NotFound UNKNOWN_CLIENT, Denied ACCOUNT_CLOSED or ACCOUNT_LOCKED, and Unavailable UPSTREAM_UNAVAILABLE.
        """
        cis = tenant.section("cis", CisSettings)
        answer = self._call(tenant, cis, f"/powerbox/customer?{urlencode({'clientId': client_id})}")
        match answer.status:
            case 200:
                return _checked(tenant, cis, client_id, answer.body)
            case 403:
                locked = answer.headers.get("powerbox-error-code") == "ACCOUNT_LOCKED"
                raise Denied("ACCOUNT_LOCKED" if locked else "ACCOUNT_CLOSED", "the utility refuses this account")
            case 404:
                raise unknown_client(client_id)
        raise _not_answering(cis, f"it answered {answer.status}")

    def login(self, tenant: Tenant, token: str) -> str:
        """The client whom a consumer's token means to the utility; raises LoginRefused and Unavailable."""
        cis = tenant.section("cis", CisSettings)
        answer = self._send(cis, "/powerbox/login", {"Authorization": f"Bearer {token}"})
        value = _json_object(cis, answer) if answer.status in {200, 401, 404} else {}
        if answer.status == 200 and isinstance(value.get("clientId"), str):
            return str(value["clientId"])
        if answer.status in {401, 404} and value.get("errorCode") in NUMBERS:
            raise LoginRefused(value["errorCode"], "the utility refuses this sign-in")
        raise _not_answering(cis, f"it answered {answer.status}")

    def _call(self, tenant: Tenant, cis: CisSettings, path: str) -> Answer:
        if cis.auth == "mtls_basic":
            secret = self._opened(cis.client_secret_sealed)
            basic = base64.b64encode(f"{cis.client_id}:{secret}".encode()).decode()
            shown = ClientCertificate(cis.certificate, self._opened(cis.private_key_sealed))
            return self._send(cis, path, {"Authorization": f"Basic {basic}"}, shown)
        answer = self._send(cis, path, {"Authorization": f"Bearer {self._bearer(tenant, cis)}"})
        if answer.status == 401:  # the token was withdrawn before its time
            answer = self._send(cis, path, {"Authorization": f"Bearer {self._bearer(tenant, cis, fresh=True)}"})
        return answer

    def _bearer(self, tenant: Tenant, cis: CisSettings, *, fresh: bool = False) -> str:
        name = (tenant.id, cis.token_url, cis.client_id)
        with self._lock:
            kept = self._tokens.get(name)
        if kept is not None and not fresh and time.monotonic() < kept.until:
            return kept.value
        pair = f"{quote(cis.client_id, safe='')}:{quote(self._opened(cis.client_secret_sealed), safe='')}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = urlencode({"grant_type": "client_credentials", "scope": cis.scope}).encode()
        answer = self._request(cis, cis.token_url, headers, form)
        value = _json_object(cis, answer)
        if answer.status != 200 or not isinstance(value.get("access_token"), str):
            raise _not_answering(cis, f"its identity provider answered {answer.status}")
        lifetime = value.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) else 0.0
        token = _Token(str(value["access_token"]), time.monotonic() + seconds - _EARLY_S)
        with self._lock:
            self._tokens[name] = token
        return token.value

    def _send(
        self,
        cis: CisSettings,
        path: str,
        headers: Mapping[str, str],
        shown: ClientCertificate | None = None,
    ) -> Answer:
        return self._request(
            cis, cis.base_url.rstrip("/") + path, {"Accept": "application/json", **headers}, b"", shown
        )

    def _request(
        self,
        cis: CisSettings,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        shown: ClientCertificate | None = None,
    ) -> Answer:
        try:
            return self._outgoing.request(
                "POST", url, headers, body, timeout=cis.timeout_s, max_bytes=_MOST_BYTES, client_cert=shown
            )
        except DomainError as error:
            raise _not_answering(cis, error.message) from error

    def _opened(self, sealed: str) -> str:
        return self._vault.open(_PURPOSE, base64.b64decode(sealed)).decode() if sealed else ""


def configure_cis(
    db: Connection,
    tenant: Tenant,
    vault: Vault,
    settings: Mapping[str, Any],
    *,
    client_secret: str = "",
    private_key: str = "",
    who: Actor,
    now: datetime,
) -> Tenant:
    """Store a tenant's `cis` section with its secrets sealed; the tenant as it is then.

    Raises Invalid BAD_SETTINGS when the settings are not a CisSettings.
    """
    sealed = {"client_secret_sealed": client_secret, "private_key_sealed": private_key}
    secrets = {
        name: base64.b64encode(vault.seal(_PURPOSE, plain.encode())).decode() for name, plain in sealed.items() if plain
    }
    try:
        checked = CisSettings.model_validate({**settings, **secrets})
    except ValueError as error:
        raise Invalid("BAD_SETTINGS", f"the settings of the CIS are wrong: {error}") from error
    return tenants.set_section(db, tenant, "cis", checked.model_dump(mode="json"), who=who, now=now)


def _checked(tenant: Tenant, cis: CisSettings, client_id: str, body: bytes) -> Checked:
    try:
        checked = check_payload(decode_json(body), tenant.section("customers", CustomerSettings))
    except Invalid as error:
        raise _not_answering(cis, f"its answer is no customer: {error.message}") from error
    if checked.payload.client_id != client_id:
        raise _not_answering(cis, "it answered for another client")
    return checked


def _json_object(cis: CisSettings, answer: Answer) -> dict[str, Any]:
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise _not_answering(cis, f"it answered {answer.status} without JSON") from error
    if not isinstance(value, dict):
        raise _not_answering(cis, f"it answered {answer.status} without a JSON object")
    return value


def _not_answering(cis: CisSettings, why: str) -> Unavailable:
    message = f"the utility's PowerBox does not answer: {why}"
    return Unavailable("UPSTREAM_UNAVAILABLE", message, retry_after=cis.retry_after_s)

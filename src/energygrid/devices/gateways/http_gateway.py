"""A real head end behind HTTP: the calls we make to it, described in docs/binding.md."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from energygrid.access.outgoing import Answer as HttpAnswer
from energygrid.access.outgoing import ClientCertificate, OutgoingClient
from energygrid.devices.binding import Reason
from energygrid.devices.gateways.gateway import Answer, Command, GatewayEvent
from energygrid.devices.gateways.reports import read_events
from energygrid.devices.mac import show_mac
from energygrid.devices.settings import HttpGatewaySettings
from energygrid.errors import Invalid, Unavailable

_TRY_AGAIN: Final = frozenset({401, 403, 408, 425, 429})
"""Client errors that say nothing of the command: our token, its certificate or the moment is wrong."""


class HttpGateway:
    """One tenant's head end; holds no connection, so one may be made for each call."""

    def __init__(self, settings: HttpGatewaySettings, outgoing: OutgoingClient) -> None:
        self._settings = settings
        self._outgoing = outgoing

    def send(self, command: Command) -> Answer:
        """2xx is acceptance, other 4xx a refusal for good; anything else raises Unavailable."""
        answer = self._call("POST", "/commands", self._body(command), {"Idempotency-Key": command.idempotency_key})
        if 200 <= answer.status < 300:
            return Answer(accepted=True)
        if 400 <= answer.status < 500 and answer.status not in _TRY_AGAIN:
            return Answer(accepted=False, reason=_reason(answer))
        raise Unavailable("GATEWAY_UNREACHABLE", f"the gateway answered {answer.status}", status=answer.status)

    def events(self, bind_id: str, after: int) -> Sequence[GatewayEvent]:
        if not self._settings.poll:
            return ()
        answer = self._call("GET", f"/binds/{bind_id}/events?after={after}", None, {})
        if answer.status == 404:
            return ()
        if answer.status != 200:
            raise Unavailable("GATEWAY_UNREACHABLE", f"the gateway answered {answer.status}", status=answer.status)
        try:
            found = read_events(answer.body)
        except Invalid as error:
            raise Unavailable("GATEWAY_UNREACHABLE", f"the gateway's events are unreadable: {error}") from error
        return [event for event in found if event.bind_id == bind_id]

    def _call(
        self, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> HttpAnswer:
        settings = self._settings
        sent = {"Accept": "application/json", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if settings.token.get_secret_value():
            sent["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
        try:
            return self._outgoing.request(
                method,
                settings.url.rstrip("/") + path,
                sent,
                b"" if body is None else json.dumps(body).encode(),
                timeout=settings.timeout_s,
                client_cert=_certificate(settings.certificate_file, settings.key_file),
            )
        except Invalid as error:
            # A wrong address is the operator's to put right; until then the command waits like in an outage.
            raise Unavailable("GATEWAY_UNREACHABLE", f"the gateway cannot be called: {error.message}") from error

    def _body(self, command: Command) -> dict[str, object]:
        body: dict[str, object] = {
            "bindRequestId": command.bind_id,
            "number": command.number,
            "command": command.kind.value,
            "meterId": command.meter_id,
            "macAddress": show_mac(command.mac),
        }
        if command.credential is not None:
            if self._settings.credential == "link_key" and command.credential.link_key is not None:
                body["linkKey"] = command.credential.link_key.hex().upper()
            else:
                body["installCode"] = command.credential.code
        return body


def _reason(answer: HttpAnswer) -> str:
    """The failure reason of a refusal; a head end that gives none, or another, simply rejected the device."""
    try:
        said = json.loads(answer.body)["reason"]
        return Reason(said).value
    except (ValueError, KeyError, TypeError):
        return Reason.DEVICE_REJECTED


@lru_cache(maxsize=64)
def _read(path: str, changed_ns: int) -> str:  # noqa: ARG001 - a renewed file is read again
    return Path(path).read_text()


def _certificate(certificate_file: str, key_file: str) -> ClientCertificate | None:
    if not certificate_file:
        return None
    try:
        certificate, key = (
            _read(path, Path(path).stat().st_mtime_ns) for path in (certificate_file, key_file or certificate_file)
        )
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable("GATEWAY_UNREACHABLE", f"the client certificate cannot be read: {error}") from error
    return ClientCertificate(certificate, key)

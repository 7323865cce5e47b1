"""The calls to a real head end, over a socket (docs/binding.md)."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from energygrid.access.addresses import AllowList
from energygrid.access.outgoing import Answer as HttpAnswer
from energygrid.access.outgoing import OutgoingClient
from energygrid.devices.binding import Signal
from energygrid.devices.gateways.gateway import Command, CommandKind, Credential, GatewayEvent
from energygrid.devices.gateways.http_gateway import HttpGateway
from energygrid.devices.install_code import CodePolicy, check
from energygrid.devices.settings import HttpGatewaySettings
from energygrid.errors import Unavailable

CODE = check("83FED3407A932B70", CodePolicy())
JOIN = Command("bnd_1", 1, CommandKind.JOIN, "m1", "aabbccddeeff", Credential(CODE.text, CODE.link_key()))
LEAVE = Command("bnd_1", 2, CommandKind.LEAVE, "m1", "aabbccddeeff")


class HeadEndServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.status, self.answer = 202, b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/han"


class _Handler(BaseHTTPRequestHandler):
    server: HeadEndServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST = _serve  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def head_end() -> Iterator[HeadEndServer]:
    with HeadEndServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def gateway(url: str, **settings: Any) -> HttpGateway:
    outgoing = OutgoingClient(AllowList.of(["127.0.0.1"]), allow_http=True)
    return HttpGateway(HttpGatewaySettings(url=url, **settings), outgoing)


def test_a_join_carries_address_code_token_and_idempotency_key(head_end: HeadEndServer) -> None:
    assert gateway(head_end.url, token="t0ken").send(JOIN).accepted
    [(method, path, headers, body)] = head_end.requests
    assert (method, path) == ("POST", "/han/commands")
    assert (headers["idempotency-key"], headers["authorization"]) == ("bnd_1", "Bearer t0ken")
    assert json.loads(body) == {
        "bindRequestId": "bnd_1",
        "number": 1,
        "command": "join",
        "meterId": "m1",
        "macAddress": "AA:BB:CC:DD:EE:FF",
        "installCode": "83FED3407A932B70",
    }


def test_a_head_end_may_be_given_the_link_key_instead_of_the_code(head_end: HeadEndServer) -> None:
    gateway(head_end.url, credential="link_key").send(JOIN)
    body = json.loads(head_end.requests[0][3])
    assert body["linkKey"] == "CD4FA064773F46941EC986C09963D1A8"
    assert "installCode" not in body


def test_other_commands_carry_no_secret_and_a_key_of_their_own(head_end: HeadEndServer) -> None:
    gateway(head_end.url).send(LEAVE)
    _, _, headers, body = head_end.requests[0]
    assert headers["idempotency-key"] == "bnd_1.2"
    assert set(json.loads(body)) == {"bindRequestId", "number", "command", "meterId", "macAddress"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b'{"reason": "METER_OFFLINE"}', "METER_OFFLINE"),
        (b'{"reason": "NO_SUCH_REASON"}', "DEVICE_REJECTED"),
        (b"[]", "DEVICE_REJECTED"),
        (b"\xff", "DEVICE_REJECTED"),
        (b"", "DEVICE_REJECTED"),
    ],
)
def test_a_client_error_is_a_refusal_for_good(head_end: HeadEndServer, answer: bytes, reason: str) -> None:
    head_end.status, head_end.answer = 422, answer
    refused = gateway(head_end.url).send(JOIN)
    assert (refused.accepted, refused.reason) == (False, reason)


@pytest.mark.parametrize("status", [302, 401, 403, 408, 429, 500, 503])
def test_anything_else_is_tried_again(head_end: HeadEndServer, status: int) -> None:
    head_end.status = status
    with pytest.raises(Unavailable):
        gateway(head_end.url).send(JOIN)


def test_nobody_there_and_a_wrong_address_are_outages_too() -> None:
    for url in ("http://127.0.0.1:9", "http://127.0.0.2:80", "no address", ""):
        with pytest.raises(Unavailable):
            gateway(url).send(JOIN)


def test_events_are_polled_only_where_the_head_end_offers_them(head_end: HeadEndServer) -> None:
    head_end.status = 200
    head_end.answer = json.dumps(
        {
            "events": [
                {"bindRequestId": "bnd_1", "sequence": 4, "event": "registered"},
                {"bindRequestId": "bnd_2", "sequence": 1, "event": "contact"},
            ]
        }
    ).encode()
    assert list(gateway(head_end.url).events("bnd_1", 3)) == []
    polled = gateway(head_end.url, poll=True).events("bnd_1", 3)
    assert list(polled) == [GatewayEvent("bnd_1", 4, Signal.REGISTERED)]
    assert head_end.requests[0][:2] == ("GET", "/han/binds/bnd_1/events?after=3")


@pytest.mark.parametrize(("status", "answer"), [(500, b""), (200, b"nonsense"), (200, b'{"events": [{}]}')])
def test_an_unreadable_poll_is_an_outage(head_end: HeadEndServer, status: int, answer: bytes) -> None:
    head_end.status, head_end.answer = status, answer
    with pytest.raises(Unavailable):
        gateway(head_end.url, poll=True).events("bnd_1", 0)
    head_end.status = 404
    assert list(gateway(head_end.url, poll=True).events("bnd_1", 0)) == []


def test_a_client_certificate_is_shown_and_a_missing_file_is_an_outage(tmp_path: Path) -> None:
    shown: list[Any] = []

    class Recorder(OutgoingClient):
        def request(self, *_: Any, **options: Any) -> HttpAnswer:  # type: ignore[override]
            shown.append(options["client_cert"])
            return HttpAnswer(202, {}, b"")

    (tmp_path / "both.pem").write_text("certificate and key")
    settings = HttpGatewaySettings(url="https://head.end", certificate_file=str(tmp_path / "both.pem"))
    HttpGateway(settings, Recorder()).send(LEAVE)
    assert shown[0].certificate == shown[0].private_key == "certificate and key"
    missing = settings.model_copy(update={"certificate_file": str(tmp_path / "none.pem")})
    with pytest.raises(Unavailable):
        HttpGateway(missing, Recorder()).send(LEAVE)

"""A receiver of webhooks that misbehaves on request, on a real socket, and a clock that is moved by hand."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

import pytest
from standardwebhooks import Webhook

from energygrid.access.addresses import AllowList
from energygrid.access.caller import Actor, Tenant
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.messaging.events import POWERBOX
from energygrid.messaging.webhooks import delivery, endpoints, queries
from energygrid.messaging.webhooks.posting import poster

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Receiver:
    """Answers with what `behave(nth request, headers)` returns: (status, headers). Keeps what it accepted."""

    url: str
    behave: Callable[[int, Any], tuple[int, dict[str, str]]]
    parse: Callable[[bytes], Any] = json.loads
    reply: bytes = b"thanks"
    requests: list[dict[str, Any]] = field(default_factory=list)
    accepted: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    lock: Lock = field(default_factory=Lock)
    release: Event = field(default_factory=Event)

    def take(self, headers: Any, body: bytes) -> tuple[int, dict[str, str]]:
        with self.lock:
            self.requests.append({"headers": dict(headers.items()), "body": body})
            status, extra = self.behave(len(self.requests), headers)
            if 200 <= status < 300:
                self.accepted[headers["webhook-id"]].append(self.parse(body))
        if status == 0:
            self.release.wait(10)
            return 200, {}
        return status, extra


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, extra = kept.take(self.headers, body)
            try:
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(kept.reply)
            except OSError:
                pass  # the sender gave up

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    kept = Receiver(f"http://127.0.0.1:{server.server_port}/hook", lambda _n, _headers: (200, {}))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield kept
    kept.release.set()
    server.shutdown()
    server.server_close()


@dataclass
class Sender:
    """The delivering side, driven by hand: each `settle` jumps from one due instant to the next."""

    database: Database
    vault: Vault
    tenant: Tenant
    now: datetime = NOW
    timeout: timedelta | None = timedelta(seconds=5)

    def endpoint(self, url: str, types: tuple[str, ...] = (), surface: str = POWERBOX) -> tuple[str, str]:
        made, secret = self.database.write(
            endpoints.create,
            self.tenant,
            self.vault,
            url=url,
            description="",
            types=types,
            who=Actor("test", "-"),
            now=self.now,
            surface=surface,
        )
        return made.id, secret

    def fan_out(self) -> None:
        self.database.write(delivery.fan_out, self.tenant.id, self.now)

    def deliver(self, endpoint_id: str) -> None:
        client = OutgoingClient(AllowList.of(["127.0.0.1"]), allow_http=True)
        post = poster(client, self.timeout)
        delivery.deliver(self.database, self.vault, post, lambda: self.now, self.tenant.id, endpoint_id)

    def settle(self, endpoint_id: str) -> None:
        """Deliver until nothing is pending any more, in virtual time."""
        self.fan_out()
        for _ in range(2000):
            self.deliver(endpoint_id)
            due = self.database.read(queries.next_due, self.tenant.id, endpoint_id)
            if due is None:
                return
            self.now = max(self.now, due) + timedelta(milliseconds=1)
        raise AssertionError("still pending")

    def states(self, endpoint_id: str) -> list[str]:
        found = self.database.read(queries.deliveries, self.tenant.id, endpoint_id, state=None, before=None, limit=1000)
        return [each.state for each in reversed(found)]


@pytest.fixture
def sender(database: Database, vault: Vault, committed_tenant: Tenant) -> Sender:
    return Sender(database, vault, committed_tenant)


@pytest.fixture
def verify() -> Callable[[str, dict[str, Any]], None]:
    """Checks a received request with the standard's own package."""

    def check(secret: str, request: dict[str, Any]) -> None:
        body, headers = request["body"], {k.lower(): v for k, v in request["headers"].items()}
        instant = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = Webhook(secret).sign(headers["webhook-id"], instant, body.decode())
        assert expected in headers["webhook-signature"].split(" ")

    return check

"""The writers: threads that send until they are told to stop, whatever happens to the other end."""

import http.client
import json
import random
import signal
import threading
import urllib.parse
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.crash import workload
from bench.crash.ledger import Writer

_ACCEPTED = (200, 202)
_PATIENCE_S = 30


@dataclass
class Target:
    """The server, and the token that all writers share."""

    port: int
    secret: str
    install_code: str
    stopping: threading.Event = field(default_factory=threading.Event)
    token: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sender:
    """One writer's connection."""

    def __init__(self, target: Target, ledger: Writer) -> None:
        self.target = target
        self.ledger = ledger
        self._connection: http.client.HTTPConnection | None = None

    def send(self, method: str, path: str, body: bytes, kind: str) -> dict[str, Any] | None:
        """The answer of a write that was acknowledged; None when nobody knows, or it was put off."""
        if not self.target.token and not self._sign_in():
            return None
        headers = {"Authorization": f"Bearer {self.target.token}", "Content-Type": kind}
        answer = self._exchange(method, path, body, headers)
        if answer is None:
            return None
        status, text, retry_after = answer
        if status in _ACCEPTED:
            found: dict[str, Any] = json.loads(text)
            return found
        if status == 401:
            self.target.token = ""
        elif status != 503 or retry_after is None:
            self.ledger.note("fault", status, path, text[:300])
        return None

    def _exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str, str | None] | None:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.target.port, timeout=_PATIENCE_S)
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return response.status, response.read().decode(), response.getheader("Retry-After")
        except (OSError, http.client.HTTPException):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return None

    def _sign_in(self) -> bool:
        with self.target.lock:
            if self.target.token:
                return True
            pair = b64encode(f"{workload.CLIENT_ID}:{self.target.secret}".encode()).decode()
            answer = self._exchange(
                "POST",
                "/oauth/token",
                urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
                {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"},
            )
            if answer is not None and answer[0] == 200:
                self.target.token = json.loads(answer[1])["access_token"]
            elif answer is not None and answer[0] != 503:
                self.ledger.note("fault", answer[0], "/oauth/token", answer[1][:300])
            return bool(self.target.token)

    def insist(self, method: str, path: str, body: bytes, kind: str, *, give_up: float = 0.0) -> dict[str, Any] | None:
        """Send until it is acknowledged; with a chance of `give_up` after each failure, or at the end, not at all."""
        while (answer := self.send(method, path, body, kind)) is None:
            if random.random() < give_up or self.target.stopping.wait(0.02):
                return None
        return answer


def push_customers(sender: Sender, numbers: list[int]) -> None:
    """New versions of a few customers, one after the other; a version is sent until it is acknowledged."""
    version = 0
    while not sender.target.stopping.wait(0.005):
        version += 1
        for number in numbers:
            sender.ledger.note("try", "customer", f"K{number}", version)
            body = workload.customer_version(number, version)
            if sender.insist("POST", "/v1/powerbox/customer", body, "application/json") is None:
                return
            sender.ledger.note("ack", "customer", f"K{number}", version, "-")


def ingest_usage(sender: Sender, first: int, step: int) -> None:
    """One file after the other; some are given up, so that nobody knows what became of them."""
    number = first
    while not sender.target.stopping.wait(0.1):
        sender.ledger.note("try", "file", number, number)
        body, path = workload.usage_file(number), f"/v1/powerbox/ingest/usage?name=usage-{number}.csv"
        answer = sender.insist("POST", path, body, "text/csv", give_up=0.5)
        if answer is not None:
            sender.ledger.note("ack", "file", number, number, answer.get("duplicateOf") or answer["jobId"])
        number += step


def bind_devices(sender: Sender, first: int, step: int, end: int) -> None:
    """One device a meter."""
    for number in range(first, end, step):
        if sender.target.stopping.wait(0.1):
            return
        sender.ledger.note("try", "bind", f"B{number}", number)
        body = workload.bind_request(number, sender.target.install_code)
        answer = sender.insist("POST", "/v1/powerbox/bind", body, "application/json", give_up=0.1)
        if answer is not None:
            sender.ledger.note("ack", "bind", f"B{number}", number, answer["bindRequestId"])


def run(target: Target, folder: Path, binds: int) -> None:
    """All writers until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: target.stopping.set())
    half = workload.CUSTOMERS // 2
    writers: list[tuple[str, Callable[..., None], tuple[Any, ...]]] = [
        ("push-0", push_customers, (list(range(half)),)),
        ("push-1", push_customers, (list(range(half, workload.CUSTOMERS)),)),
        ("ingest-0", ingest_usage, (0, 2)),
        ("ingest-1", ingest_usage, (1, 2)),
        ("bind-0", bind_devices, (0, 2, binds)),
        ("bind-1", bind_devices, (1, 2, binds)),
    ]
    threads = [
        threading.Thread(target=work, args=(Sender(target, Writer(folder / f"{name}.ledger")), *arguments), name=name)
        for name, work, arguments in writers
    ]
    for thread in threads:
        thread.start()
    while not target.stopping.wait(0.2):
        pass
    for thread in threads:
        thread.join(_PATIENCE_S)

"""Webhook deliveries a second, from commit to arrival, beside a bare POST loop to the same receiver."""

import http.client
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from bench.database import open_database
from bench.figures import Figure, console, show
from bench.installation import Installation
from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.flexibility import messages
from energygrid.messaging.events import EVENT_STARTED, FLEX
from energygrid.messaging.queries import Event
from energygrid.messaging.webhooks import endpoints, flex_form
from energygrid.messaging.webhooks.signing import new_secret

_MESSAGES = 2000
_ENDPOINTS = 4
_GIVE_UP_S = 300


def run(running: Installation, _meters: int, _rows: int) -> None:
    """The installation's own worker delivers; every message is of another resource, so that none waits for another."""
    with receiver() as port, open_database(running) as url:
        database = Database(url, pool_size=2)
        vault = Vault(bytes.fromhex((running.folder / "secret.key").read_text().strip()))
        bare = _bare_loop(port)
        one = _deliver(database, vault, port, 1)
        several = _deliver(database, vault, port, _ENDPOINTS)
        database.close()
    bare_is = "bare POST loop, nothing signed or stored"
    show(
        f"{_MESSAGES:,} webhook messages",
        [
            Figure("one endpoint", one, bare, "deliveries/s", bare_is),
            Figure(f"{_ENDPOINTS} endpoints, each gets all", several, bare, "deliveries/s", bare_is),
        ],
    )


@contextmanager
def receiver() -> Iterator[int]:
    """Its port, while it runs."""
    command = [sys.executable, str(Path(__file__).with_name("bare_receiver.py"))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def _bare_loop(port: int) -> float:
    """One message after the other, each over a connection of its own as webhooks are sent."""
    event = Event(str(uuid4()), 1, EVENT_STARTED, datetime.now(UTC), dict(messages.event_started(uuid4()).data))
    message = flex_form.renderer(Tenant(0, "-", "sandbox"))(event, [new_secret()], datetime.now(UTC))
    began = time.perf_counter()
    for _ in range(_MESSAGES):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", "/", message.body, dict(message.headers))
        connection.getresponse().read()
        connection.close()
    return _MESSAGES / (time.perf_counter() - began)


def _deliver(database: Database, vault: Vault, port: int, count: int) -> float:
    """Commit all messages in one transaction; the time runs from there to the last arrival."""
    now = datetime.now(UTC)
    name = f"bench-{secrets.token_hex(4)}"
    tenant = database.write(tenants.create_tenant, name, environment="sandbox", now=now)
    for number in range(count):
        database.write(
            endpoints.create,
            tenant,
            vault,
            url=f"http://127.0.0.1:{port}/{number}",
            description="bench",
            types=[EVENT_STARTED],
            who=SYSTEM,
            now=now,
            surface=FLEX,
        )
    before, wanted = _counted(port), _MESSAGES * count
    with database.transaction() as db:
        for _ in range(_MESSAGES):
            messages.tell(db, tenant.id, messages.event_started(uuid4()), now)
    began = time.perf_counter()
    while (arrived := _counted(port) - before) < wanted:
        taken = time.perf_counter() - began
        if taken > _GIVE_UP_S:
            console.print(f"only {arrived:,} of {wanted:,} messages have arrived in {taken:.0f} s")
            return arrived / taken
        time.sleep(0.01)
    return wanted / (time.perf_counter() - began)


def _counted(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    counted = int(connection.getresponse().read())
    connection.close()
    return counted

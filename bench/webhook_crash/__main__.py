"""`python -m bench.webhook_crash`: webhooks to a receiver that misbehaves, while worker and PostgreSQL are killed.

The real worker and the real database of an installation, with the waits of the delivery shortened. Exit code 0 when
every event that was committed has arrived at every endpoint that may be reached, or is listed as dead; each resource's
events arrived in their order; every body was signed and stayed the same; and no redirect was followed.
"""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from rich.console import Console

from bench.crash.processes import LOAD, POSTGRESQL, WATCH, WORKER, Processes
from bench.webhook_crash import checks
from energygrid.access import audit, tenants
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.migrate import migrate
from energygrid.errors import Unavailable
from energygrid.flexibility import messages
from energygrid.messaging.events import EVENT_SCHEME_ASSETS_UPDATED, FLEX
from energygrid.messaging.webhooks import delivery, endpoints
from energygrid.messaging.webhooks.retry import Plan
from energygrid.services import open_services
from energygrid.settings import Settings

PATHS = ("/flaky", "/hanging", "/moved", "/picky", "/gone")
_RESOURCES = 6
_VICTIMS = {WORKER: 3, POSTGRESQL: 2, "both": 1}
_START_S = 60
_DRAIN_S = 120
_STALLED_S = 3
_PLAN = Plan(
    waits=(timedelta(), *[timedelta(milliseconds=200)] * 3, *[timedelta()] * 10),
    timeout=timedelta(milliseconds=500),
    excerpt=2048,
    pause=timedelta(milliseconds=100),
    longest_pause=timedelta(seconds=1),
)


def hurry() -> None:
    """Shorten what would take days; for a process that was forked for this run."""
    delivery.SURFACES = {**delivery.SURFACES, FLEX: replace(delivery.SURFACES[FLEX], plan=_PLAN)}


def prepare(port: int, secrets_file: Path) -> tuple[int, dict[str, str]]:
    """A tenant with an endpoint for each path; the tenant's id, and the endpoints' ids by path."""
    now, made, shown = datetime.now(UTC), {}, {}
    with open_services(Settings()) as services:
        migrate(services.database)
        tenant = services.database.write(tenants.create_tenant, "crash", environment="sandbox", now=now)
        for path in PATHS:
            endpoint, shown[path] = services.database.write(
                endpoints.create,
                tenant,
                services.vault,
                url=f"http://127.0.0.1:{port}{path}",
                description=path,
                types=[EVENT_SCHEME_ASSETS_UPDATED],
                who=audit.SYSTEM,
                now=now,
                surface=FLEX,
            )
            made[path] = endpoint.id
    secrets_file.write_text(json.dumps(shown))
    return tenant.id, made


def tell(tenant_id: int, count: int, ledger: Path) -> None:
    """Commit events, one after the other, and note each once it is committed; what is in doubt is tried again."""
    noted = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open_services(Settings()) as services:
        for number in range(count):
            resource = UUID(int=number % _RESOURCES + 1)
            name = "dislike-me" if number == 0 else str(number // _RESOURCES)
            (message,) = messages.scheme_assets_updated(resource, [messages.SchemeAsset(resource, name, "READY")])
            while True:
                try:
                    uuid = services.database.write(
                        messages.tell, tenant_id, message, datetime.now(UTC), key=f"told:{number}"
                    )
                except Unavailable:
                    time.sleep(0.02)
                else:
                    break
            os.write(noted, f"{number} {resource} {uuid}\n".encode())


class Run:
    def __init__(self, folder: Path, rounds: int, count: int, seed: int) -> None:
        self.folder, self.rounds, self.count = folder, rounds, count
        self.chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        data = folder / "data"
        for name in [name for name in os.environ if name.startswith("ENERGYGRID_")]:
            del os.environ[name]
        os.environ |= {
            "ENERGYGRID_DATA_DIR": str(data),
            "ENERGYGRID_ENVIRONMENT": "sandbox",
            "ENERGYGRID_LOG_LEVEL": "error",
        }
        self.received, self.told = folder / "received.ledger", folder / "told.ledger"
        script = [sys.executable, str(Path(__file__).with_name("receiver.py"))]
        command = [*script, str(self.received), str(folder / "secrets.json"), str(seed)]
        self.receiver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.receiver.stdout is not None
        port = int(self.receiver.stdout.readline())
        self.tenant_id, self.endpoints = prepare(port, folder / "secrets.json")
        self.conninfo = EmbeddedServer(data).url.render_as_string(hide_password=False)
        hurry()
        self.processes = Processes(data, 0)

    def run(self) -> None:
        self.processes.start(WATCH)
        self._wait_for_database()
        self.processes.start(WORKER)
        self.processes.fork(LOAD, lambda: tell(self.tenant_id, self.count, self.told))
        most = 3 * self.count / self.rounds
        for _ in range(self.rounds):
            self._wait_for_more(self.chance.uniform(1, most))
            victim = self.chance.choices(list(_VICTIMS), list(_VICTIMS.values()))[0]
            self._kill(victim)
        self._drain()

    def _wait_for_more(self, messages: float) -> None:
        """Kill in the middle of it: when so many more have arrived, or nothing has for a while."""
        wanted, deadline = self._arrived() + messages, time.monotonic() + _STALLED_S
        while self._arrived() < wanted and time.monotonic() < deadline:
            time.sleep(0.002)

    def _arrived(self) -> int:
        return self.received.read_bytes().count(b"\n")

    def _kill(self, victim: str) -> None:
        self.kills[victim] += 1
        roles = [WORKER, POSTGRESQL] if victim == "both" else [victim]
        self.processes.kill(*roles)
        if WORKER in roles:
            self.processes.start(WORKER)
        if POSTGRESQL in roles:
            self._wait_for_database()

    def _wait_for_database(self) -> None:
        self._wait_until(lambda _: True, _START_S)

    def _drain(self) -> None:
        """Wait until all has been told and nothing is pending any more."""
        self._wait_until(lambda db: self._all_told() and checks.is_drained(db), _DRAIN_S + self.count)

    def _all_told(self) -> bool:
        return self.told.exists() and self.told.read_bytes().count(b"\n") == self.count

    def _wait_until(self, holds: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with psycopg.connect(self.conninfo, connect_timeout=5) as db:
                    if holds(db):
                        return
            except psycopg.OperationalError:
                pass
            time.sleep(0.05)

    def report(self) -> dict[str, Any]:
        with psycopg.connect(self.conninfo) as db:
            found = checks.check(db, self.endpoints, self.told, self.received)
        return {"rounds": self.rounds, "kills": dict(self.kills), "told": self.count, **found}

    def stop(self) -> None:
        for role in (LOAD, WORKER, WATCH):
            self.processes.stop_one(role)
        self.receiver.terminate()
        self.receiver.wait(20)
        self.receiver.stdout.close()  # type: ignore[union-attr]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.webhook_crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="kills")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="of all choices; default: another each time")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for data, ledgers and logs, kept afterwards")
    asked = parser.parse_args()
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    with tempfile.TemporaryDirectory(prefix="energygrid-webhooks-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        run = Run(folder.resolve(), asked.rounds, asked.messages, seed)
        try:
            run.run()
            report = {"seed": seed, **run.report()}
        finally:
            run.stop()
        report |= {"seconds": round(time.monotonic() - began, 1), "unclean": run.processes.unclean}
    if asked.json:
        json.dump(report, sys.stdout, indent=2)
    else:
        Console(width=118).print_json(data=report)
    return 0 if not report["wrong"] else 1


if __name__ == "__main__":
    sys.exit(main())

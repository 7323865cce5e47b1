"""`python -m bench.crash`: kill -9 at random points under write load, round after round.

Exit code 0 when no acknowledged write was lost, none stands half, nothing was doubled, and every start was clean.
"""

import argparse
import dataclasses
import json
import os
import random
import secrets
import socket
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console

# Loaded here so that every forked process has it.
import energygrid.app  # noqa: F401
from bench.crash import checks, load, workload
from bench.crash.ledger import Ledger
from bench.crash.processes import API, LOAD, POSTGRESQL, WATCH, WORKER, Processes
from energygrid.access import audit, clients, tenants
from energygrid.access.scopes import SCOPES
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.migrate import migrate
from energygrid.devices import sandbox as device_fixtures
from energygrid.services import open_services
from energygrid.settings import Settings

ALL = "all"
_VICTIMS = {API: 3, WORKER: 3, POSTGRESQL: 3, ALL: 2}
_BINDS_A_ROUND = 20
_STUCK_S = 60
"""How long nothing may come to its end before what is left counts as lost. A job that was killed again and again waits
its time, and is waited for."""
_AGAIN_AT_ONCE = 0.2
"""Share of restarts that are killed again while they are under way."""


def prepare(binds: int, secret: str) -> int:
    """A tenant with its client, and the customers that writers need; its id."""
    now = datetime.now(UTC)
    with open_services(Settings()) as services:
        migrate(services.database)
        with services.database.transaction() as db:
            tenant = tenants.create_tenant(
                db, workload.TENANT, environment="sandbox", settings=workload.SETTINGS, now=now
            )
            clients.create_client(
                db,
                services.vault,
                tenant,
                name="Crash test",
                scopes=list(SCOPES),
                client_id=workload.CLIENT_ID,
                secret=SecretStr(secret),
                who=audit.SYSTEM,
                now=now,
            )
            device_fixtures.load_fixtures(db, services.vault, tenant, now)
            for payload in workload.fixed_customers(binds):
                checked = check_payload(payload, tenant.section("customers", CustomerSettings))
                push_customer(db, tenant, checked, vault=services.vault, who=audit.SYSTEM, now=now)
            return tenant.id


class Run:
    """One installation, its load and its killer."""

    def __init__(self, folder: Path, rounds: int, seed: int) -> None:
        self.rounds = rounds
        self.chance = random.Random(seed)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        data = folder / "data"
        for name in [name for name in os.environ if name.startswith("ENERGYGRID_")]:
            del os.environ[name]
        os.environ |= {
            "ENERGYGRID_DATA_DIR": str(data),
            "ENERGYGRID_ENVIRONMENT": "sandbox",
            "ENERGYGRID_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ENERGYGRID_LOG_LEVEL": "warning",
        }
        binds = rounds * _BINDS_A_ROUND
        secret = secrets.token_urlsafe(24)
        self.tenant_id = prepare(binds, secret)
        self.target = load.Target(port, secret, device_fixtures.TUTORIAL_CODE)
        self.processes = Processes(data, port)
        self.folder, self.binds = folder, binds
        self.conninfo = EmbeddedServer(data).url.render_as_string(hide_password=False)
        self.ledger = Ledger(folder)
        self.findings = checks.Findings()
        self.kills: Counter[str] = Counter()
        self.restarts: dict[str, list[float]] = {victim: [] for victim in _VICTIMS}

    def run(self) -> None:
        self.processes.start(WATCH, API, WORKER)
        self.processes.wait_until_ready()
        self.processes.fork(LOAD, lambda: load.run(self.target, self.folder, self.binds))
        for _ in range(self.rounds):
            time.sleep(self.chance.uniform(0.05, 0.6))
            self._kill_one()
            self.processes.note_ended()
            checks.check_under_load(self.conninfo, self.ledger, self.findings)
        self.processes.stop_one(LOAD)
        self._settle()
        self.processes.stop()

    def _kill_one(self) -> None:
        spared = [victim for victim in _VICTIMS if not self.kills[victim]]
        victim = spared[0] if spared else self.chance.choices(list(_VICTIMS), list(_VICTIMS.values()))[0]
        began = self._kill(victim)
        while self.chance.random() < _AGAIN_AT_ONCE:
            time.sleep(self.chance.uniform(0, 0.4))
            victim = ALL
            began = self._kill(ALL)
        self.processes.wait_until_ready()
        self.restarts[victim].append(time.monotonic() - began)

    def _kill(self, victim: str) -> float:
        """Kill, and start at once what nobody else starts; when that was."""
        roles = [API, WORKER, WATCH] if victim == ALL else [victim] if victim != POSTGRESQL else []
        self.processes.kill(*roles, *([POSTGRESQL] if victim in {ALL, POSTGRESQL} else []))
        began = time.monotonic()
        self.kills[victim] += 1
        self.processes.start(*roles)
        return began

    def _settle(self) -> None:
        """Wait until everything accepted has come to its end, then compare everything."""
        moved, left = time.monotonic(), -1
        while True:
            quiet = checks.Findings()
            seen = checks.check_under_load(self.conninfo, self.ledger, quiet)
            if (unended := checks.unended(seen)) == 0:
                break
            if unended != left or checks.waits_its_time(self.conninfo):
                moved, left = time.monotonic(), unended
            if time.monotonic() > moved + _STUCK_S:
                break
            time.sleep(0.5)
        for kind in dataclasses.fields(quiet):
            getattr(self.findings, kind.name).extend(getattr(quiet, kind.name))
        with open_services(Settings()) as services:
            checks.check_at_rest(services, self.tenant_id, self.ledger, seen, self.findings)

    def report(self, took_s: float) -> dict[str, Any]:
        said = (self.folder / "data" / "postgresql.log").read_text(errors="replace")
        # Killed while it recovers, PostgreSQL hints at corrupted data at its next start whether or not there is any:
        # the hint is advice, damage is an error of its own.
        spoken = [line for line in said.splitlines() if "HINT:" not in line]
        damage = [line for line in spoken if "PANIC" in line or "invalid page" in line or "corrupt" in line]
        return {
            "rounds": self.rounds,
            "seconds": round(took_s, 1),
            "kills": dict(self.kills),
            "acknowledged": dict(self.ledger.counts),
            **dataclasses.asdict(self.findings),
            "faults": self.ledger.faults,
            "unclean": [*self.processes.unclean, *damage],
            "longestRestartS": {who: round(max(times), 2) for who, times in self.restarts.items() if times},
        }


def is_clean(report: dict[str, Any]) -> bool:
    return not any(report[kind] for kind in ("lost", "half_applied", "doubled", "faults", "unclean"))


def show(report: dict[str, Any]) -> None:
    console = Console(width=118)
    console.print(f"{report['rounds']} rounds in {report['seconds']} s, kills: {report['kills']}")
    console.print(f"acknowledged writes: {report['acknowledged']}; longest restarts in s: {report['longestRestartS']}")
    for kind in ("lost", "half_applied", "doubled", "faults", "unclean"):
        console.print(f"{kind:13}{len(report[kind])}", style="green" if not report[kind] else "bold red")
        for sentence in report[kind][:20]:
            console.print(f"  {sentence}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None, help="of the killer's choices; default: another each time")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for data, ledgers and logs, kept afterwards")
    asked = parser.parse_args()
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    with tempfile.TemporaryDirectory(prefix="energygrid-crash-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        run = Run(folder.resolve(), asked.rounds, seed)
        try:
            run.run()
        finally:
            run.processes.stop()  # nothing, when all went well
        report = {"seed": seed, **run.report(time.monotonic() - began)}
    if asked.json:
        json.dump(report, sys.stdout, indent=2)
    else:
        show(report)
    return 0 if is_clean(report) else 1


if __name__ == "__main__":
    sys.exit(main())

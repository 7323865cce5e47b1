"""`doctor`: looks at everything an installation needs, and says what to do about what is wrong."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import typer

from energygrid.access import tenants
from energygrid.access.consents.dates import months_before
from energygrid.access.signing_keys import load_keys
from energygrid.cli.common import Data, DatabaseUrl, Json, console, print_json, settings_from
from energygrid.cli.sections import SECTIONS, check_section
from energygrid.database import health
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.migrate import pending
from energygrid.errors import DomainError, Invalid, Unavailable
from energygrid.flexibility.runs.payments import poor_delivery
from energygrid.flexibility.runs.standing import standing
from energygrid.flexibility.settlement import neso
from energygrid.services import Services, open_services
from energygrid.settings import Settings

_LEAST_FREE_BYTES = 2 << 30
_MOST_CLOCK_S = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: Literal["ok", "warning", "failed"]
    found: str
    remedy: str = ""


def doctor(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Check configuration, database, migrations, disk, clock, tenants and what is computed for events."""
    checks = list(_checks(lambda: settings_from(data, database_url)))
    if as_json:
        print_json([{"name": c.name, "state": c.state, "found": c.found, "remedy": c.remedy} for c in checks])
    else:
        colours = {"ok": "green", "warning": "yellow", "failed": "bold red"}
        for check in checks:
            console.print(f"[{colours[check.state]}]{check.state:8}[/] {check.name:14} {check.found}", highlight=False)
            if check.remedy:
                console.print(f"{'':24}{check.remedy}", highlight=False)
    if any(check.state == "failed" for check in checks):
        raise typer.Exit(6)


def _checks(read_settings: Callable[[], Settings]) -> Iterator[Check]:
    try:
        settings = read_settings()
    except Invalid as error:
        yield Check("configuration", "failed", error.message, "correct the environment variables named here")
        return
    yield Check("configuration", "ok", f"{settings.environment}, {settings.public_url}")
    if settings.environment == "production" and not settings.public_url.startswith("https://"):
        yield Check(
            "public address",
            "warning",
            "tokens travel without encryption",
            "serve behind TLS and set ENERGYGRID_PUBLIC_URL to the https address",
        )
    yield _disk(settings)
    if settings.has_embedded_database and not EmbeddedServer(settings.data_dir).is_made:
        found = f"there is none in {settings.data_dir.resolve()}"
        yield Check("database", "failed", found, "make one with `energygrid serve`, or name its folder with --data")
        return
    try:
        with open_services(settings) as services:
            yield from _database(services)
    except Unavailable as error:
        found = f"{error.message}: {str(error.__cause__ or error.code).splitlines()[0]}"
        yield Check("database", "failed", found, "start it, or correct ENERGYGRID_DATABASE_URL")
    except DomainError as error:
        yield Check("database", "failed", f"{error.code}: {error.message}", "see the message")


def _disk(settings: Settings) -> Check:
    folder = settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < _LEAST_FREE_BYTES:
        return Check("disk", "failed", found, "free at least 2 GiB, or move the data folder with --data")
    return Check("disk", "ok", found)


def _tenants(services: Services) -> Check:
    wrong = []
    for listed in services.database.read(tenants.list_tenants):
        tenant = services.database.read(tenants.find_tenant, str(listed["key"]))
        for section in SECTIONS.keys() & tenant.settings.keys():
            try:
                check_section(section, tenant.settings[section])
            except Invalid as error:
                wrong.append(f"{tenant.key}: {error.message}")
    if wrong:
        return Check("tenants", "failed", "; ".join(wrong), "correct with `energygrid tenants set`")
    return Check("tenants", "ok", "settings are understood")


def _events(services: Services) -> Iterator[Check]:
    """What events wait for, and what their operator may object to."""
    now = datetime.now(UTC)
    for listed in services.database.read(tenants.list_tenants):
        tenant = services.database.read(tenants.find_tenant, str(listed["key"]))
        for run in services.database.read(standing, tenant, now):
            begun = f"since {run.started_at:%Y-%m-%d %H:%M} UTC"
            why = f"{run.failed} of its jobs have failed" if run.failed else begun
            found = f"{tenant.key}: event {run.event_uuid}: {run.kind} is CALCULATING, {run.open} parts to go, {why}"
            again = f"`energygrid flex recompute --tenant {tenant.key} --event {run.event_uuid}`"
            yield Check("run", "warning", found, f"see `job failed` in the log and that a worker runs; then {again}")
        today = tenants.tenant_now(tenant, now)
        since = months_before(today.date(), neso.MONTHS)
        if (poor := services.database.read(poor_delivery, tenant, since=since, until=today)) is not None:
            remedy = "`bidPayment` of the events' stats shows each half-hour; the operator may deregister the unit"
            yield Check("poor delivery", "warning", f"{tenant.key}: {poor}", remedy)


def _secret_key(services: Services) -> Check:
    """Whether the key is the one that this database was written with: it must open the newest signing key."""
    for key in services.database.read(load_keys)[-1:]:
        try:
            key.private(services.vault)
        except Invalid:
            found = "it does not open what is sealed in this database"
            remedy = "set ENERGYGRID_SECRET_KEY, or secret.key in the data folder, to the key it was written with"
            return Check("secret key", "failed", found, remedy)
    return Check("secret key", "ok", "opens what is sealed")


def _database(services: Services) -> Iterator[Check]:
    version = services.database.read(health.server_version)
    kind = "embedded" if services.settings.has_embedded_database else "configured"
    if version < health.LEAST_VERSION:
        yield Check("database", "failed", f"PostgreSQL {version}", f"use PostgreSQL {health.LEAST_VERSION} or later")
    else:
        yield Check("database", "ok", f"{kind} PostgreSQL {version}")
    if missing := services.database.read(pending):
        yield Check("migrations", "failed", f"missing: {', '.join(missing)}", "run `energygrid migrate`")
    else:
        yield Check("migrations", "ok", "complete")
    began = time.monotonic()
    there = services.database.read(health.server_time)
    apart = abs((there - datetime.now(UTC)).total_seconds()) - (time.monotonic() - began)
    if apart > _MOST_CLOCK_S:
        yield Check("clock", "failed", f"{apart:.1f} s from the database's", "synchronise both machines by NTP")
    else:
        yield Check("clock", "ok", "agrees with the database's")
    for name, value in services.database.read(health.unsafe_settings):
        yield Check("durability", "warning", f"{name} is {value}", f"set {name} to on: acknowledged writes may be lost")
    if not missing:
        yield _secret_key(services)
        yield _tenants(services)
        yield from _events(services)
    failed = 0 if missing else services.database.read(health.failed_jobs)
    if failed:
        yield Check("jobs", "warning", f"{failed} background jobs have failed", "look for `job failed` in the log")

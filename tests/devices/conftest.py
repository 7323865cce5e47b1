"""One customer's meter, and the ways a test drives its binds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.customers.payloads import customer

from energygrid.access import tenants
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.devices import requests, timers
from energygrid.devices.binding import Signal, State
from energygrid.devices.events import apply_gateway_event
from energygrid.devices.gateways import dispatch as outbox
from energygrid.devices.gateways.gateway import Answer, Command, GatewayEvent
from energygrid.devices.parties import Party
from energygrid.devices.queries import Bind, get_bind
from energygrid.devices.requests import DeviceAsked
from energygrid.errors import Unavailable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = Actor("client", "req-1")
CODE = "83FED3407A932B70"
OTHER_CODE = "83FED3407A939738C552"
MAC, OTHER_MAC = "AA:BB:CC:00:00:10", "AA:BB:CC:00:00:11"


def with_settings(tenant: Tenant, **devices: object) -> Tenant:
    return replace(tenant, settings={**tenant.settings, "devices": devices}, _sections={})


def store(db: Connection, tenant: Tenant) -> Tenant:
    """Keep the settings of a tenant that a test has changed."""
    for section, values in tenant.settings.items():
        tenants.set_section(db, tenant, section, values, who=WHO, now=NOW)
    return tenant


def ahead(tenant: Tenant, **by: float) -> Tenant:
    """The tenant when its virtual clock has been advanced."""
    offset = tenant.settings.get("clock", {}).get("offset_s", 0.0) + timedelta(**by).total_seconds()
    return replace(tenant, settings={**tenant.settings, "clock": {"offset_s": offset}}, _sections={})


@dataclass
class Bench:
    """Binds of one tenant inside one transaction."""

    db: Connection
    vault: Vault
    tenant: Tenant

    def bind(
        self, mac: str = MAC, meter: str = "m1", code: str = CODE, *, strict: bool = False, at: datetime = NOW
    ) -> Bind:
        device = DeviceAsked(mac, code, strict=strict)
        bind = requests.bind_device(self.db, self.vault, self.tenant, WHO, Party("c1", meter), device, at).bind
        assert bind is not None
        return bind

    def release(self, meter: str = "m1", mac: str | None = None, *, at: datetime = NOW) -> Bind | None:
        return requests.release_device(self.db, self.tenant, WHO, Party("c1", meter), mac, at).bind

    def report(
        self, bind: Bind, sequence: int, signal: Signal, reason: str | None = None, *, at: datetime = NOW
    ) -> Bind:
        return apply_gateway_event(self.db, self.tenant, GatewayEvent(bind.bind_id, sequence, signal, reason), at)

    def advance(self, bind: Bind, at: datetime) -> Bind:
        after = timers.advance_bind(self.db, self.tenant, bind.bind_id, at)
        assert after is not None
        return after

    def send(self, bind: Bind, answer: Answer | None, *, at: datetime = NOW) -> outbox.Claim | None:
        claim = outbox.claim_command(self.db, self.vault, self.tenant, bind.bind_id, at)
        if claim is not None:
            outbox.settle_command(self.db, self.tenant, claim, answer, at)
        return claim

    def look(self, bind: Bind) -> Bind:
        found = get_bind(self.db, self.tenant.id, bind.bind_id)
        assert found is not None
        return found

    def state(self, bind: Bind) -> State:
        return self.look(bind).state

    def rows(self, query: str, **values: object) -> list[Any]:
        return list(self.db.execute(text(query), {"tenant": self.tenant.id, **values}))

    def events(self) -> list[str]:
        return [
            row.type for row in self.rows("SELECT type FROM outbox_event WHERE tenant_id = :tenant ORDER BY serial")
        ]

    def commands(self) -> list[str]:
        return [
            row.kind
            for row in self.rows(
                "SELECT kind FROM gateway_command WHERE tenant_id = :tenant AND done_at IS NULL"
                " ORDER BY bind_id, number"
            )
        ]


@pytest.fixture
def bench(db: Connection, vault: Vault, tenant: Tenant) -> Bench:
    """A tenant whose head end is real: nothing happens unless the test says so."""
    return Bench(db, vault, store(db, with_settings(tenant, gateway="http")))


@pytest.fixture
def simulated(db: Connection, vault: Vault, tenant: Tenant) -> Bench:
    return Bench(db, vault, tenant)


class HeadEnd:
    """A gateway in memory that remembers what it was sent and treats a repeated key as the first."""

    def __init__(self) -> None:
        self.calls: list[Command] = []
        self.joined: dict[str, Command] = {}
        self.silent = False
        self.before_answer: Callable[[], None] = lambda: None

    def send(self, command: Command) -> Answer:
        self.calls.append(command)
        if self.silent:
            raise Unavailable("GATEWAY_UNREACHABLE", "no answer")
        self.joined.setdefault(command.idempotency_key, command)
        self.before_answer()
        return Answer(accepted=True)

    def events(self, bind_id: str, after: int) -> Sequence[GatewayEvent]:  # noqa: ARG002
        return ()


Push = Callable[..., None]


@pytest.fixture
def push(bench: Bench) -> Push:
    def run(client: str, *sites: dict[str, Any], status: str = "A") -> None:
        payload = customer(client, *sites, AcctStatus=status)
        checked = check_payload(payload, bench.tenant.section("customers", CustomerSettings))
        push_customer(bench.db, bench.tenant, checked, vault=bench.vault, who=WHO, now=NOW)

    return run

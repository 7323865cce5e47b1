"""Never two active binds on one meter or one device, whoever asks at once and in whatever order things happen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from tests.customers.payloads import meter, site
from tests.devices.conftest import CODE, NOW, WHO, Bench, Push, with_settings

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.devices import requests
from energygrid.devices.binding import ENDED, Signal, State
from energygrid.devices.gateways.gateway import REPORTABLE, Answer
from energygrid.devices.parties import Party
from energygrid.devices.queries import get_bind
from energygrid.devices.requests import DeviceAsked
from energygrid.errors import DomainError

ACTIVE = "state IN ('REQUESTED', 'PENDING', 'JOINING', 'PAIRED', 'RELEASING')"
THREADS = 200


def outcomes(database: Database, vault: Vault, tenant: Tenant, asked: list[tuple[str, str]]) -> list[str]:
    """Bind all (meter, address) pairs at once; the bind's id or the error's code for each."""
    start = Barrier(len(asked))

    def ask(pair: tuple[str, str]) -> str:
        start.wait()
        party, device = Party("c1", pair[0]), DeviceAsked(pair[1], CODE)
        try:
            bind = database.write(requests.bind_device, vault, tenant, WHO, party, device, NOW).bind
        except DomainError as error:
            return error.code
        assert bind is not None
        return bind.bind_id

    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(ask, asked))


def active(database: Database, column: str) -> list[int]:
    query = text(f"SELECT count(*) FROM bind WHERE {ACTIVE} GROUP BY {column}")
    return list(database.read(lambda db: db.execute(query).scalars().all()))


def mac(number: int) -> str:
    return f"AA:BB:CC:00:{number // 256:02X}:{number % 256:02X}"


def test_200_devices_at_once_on_one_meter_leave_exactly_one_active(
    database: Database, vault: Vault, committed_tenant: Tenant
) -> None:
    found = outcomes(database, vault, committed_tenant, [("m1", mac(n)) for n in range(THREADS)])
    assert sorted(found)[: THREADS - 1] == ["METER_ALREADY_BOUND"] * (THREADS - 1)
    assert active(database, "meter_id") == [1]


def test_one_device_asked_for_200_times_at_once_is_one_request(
    database: Database, vault: Vault, committed_tenant: Tenant
) -> None:
    tenant = with_settings(committed_tenant, gateway="http")
    assert len(set(outcomes(database, vault, tenant, [("m1", mac(1))] * THREADS))) == 1
    assert active(database, "mac") == [1]


def test_one_device_on_200_meters_at_once_is_bound_to_one(
    database: Database, vault: Vault, committed_tenant: Tenant
) -> None:
    found = outcomes(database, vault, committed_tenant, [(f"m{n}", mac(1)) for n in range(THREADS)])
    assert found.count("DEVICE_ALREADY_BOUND") == THREADS - 1
    assert active(database, "mac") == [1]


def test_the_index_refuses_what_the_locks_would_let_through(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.bind()
    monkeypatch.setattr(requests.queries, "active_binds", lambda *_: [])
    for wanted, address, code in (("m1", mac(2), "METER_ALREADY_BOUND"), ("m2", mac(0x10), "DEVICE_ALREADY_BOUND")):
        with pytest.raises(DomainError) as refusal:
            bench.bind(address, wanted)
        assert refusal.value.code == code


class Interleaving(RuleBasedStateMachine):
    """Requests, releases, gateway reports, sends and the clock, in any order, on a few meters and devices."""

    bench: Bench
    binds = Bundle("binds")

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.sequence = 0
        self.requested: dict[str, Any] = {}
        self.savepoint = self.bench.db.begin_nested()

    def teardown(self) -> None:
        self.savepoint.rollback()

    @rule(target=binds, meter=st.sampled_from(["m1", "m2"]), device=st.integers(1, 3))
    def ask(self, meter: str, device: int) -> str:
        try:
            bind = self.bench.bind(mac(device), meter, at=self.now)
        except DomainError:
            return ""
        self.requested.setdefault(bind.bind_id, bind.requested_at)
        return bind.bind_id

    @rule(meter=st.sampled_from(["m1", "m2"]), device=st.none() | st.integers(1, 3))
    def release(self, meter: str, device: int | None) -> None:
        self.bench.release(meter, device and mac(device), at=self.now)

    @rule(bind=binds, signal=st.sampled_from(sorted(REPORTABLE)))
    def hear(self, bind: str, signal: Signal) -> None:
        if bind:
            self.sequence += 1
            self.bench.report(self.look(bind), self.sequence, signal, at=self.now)

    @rule(bind=binds, answer=st.sampled_from([Answer(accepted=True), Answer(accepted=False), None]))
    def send(self, bind: str, answer: Answer | None) -> None:
        if bind:
            self.bench.send(self.look(bind), answer, at=self.now)

    @rule(by=st.sampled_from([1, 60, 900, 7 * 3600, 30 * 3600]))
    def wait(self, by: int) -> None:
        self.now += timedelta(seconds=by)
        for bind in self.requested:
            self.bench.advance(self.look(bind), self.now)

    def look(self, bind_id: str) -> Any:
        return get_bind(self.bench.db, self.bench.tenant.id, bind_id)

    @invariant()
    def one_active_bind_a_meter_and_a_device(self) -> None:
        if not hasattr(self, "now"):
            return
        for column in ("meter_id", "mac"):
            counts = self.bench.rows(
                f"SELECT count(*) FROM bind WHERE tenant_id = :tenant AND {ACTIVE} GROUP BY {column}"
            )
            assert all(row.count == 1 for row in counts)

    @invariant()
    def every_request_has_ended_or_paired_within_48_hours(self) -> None:
        for bind_id, requested_at in getattr(self, "requested", {}).items():
            bind = self.look(bind_id)
            settled = bind.state in ENDED | {State.PAIRED} or bind.paired_at is not None
            assert settled or self.now < requested_at + timedelta(hours=48)

    @invariant()
    def a_code_is_kept_only_until_the_gateway_has_it(self) -> None:
        for bind_id in getattr(self, "requested", {}):
            bind = self.look(bind_id)
            assert (bind.code_sealed is not None) == (bind.state is State.REQUESTED)


def test_no_interleaving_breaks_the_promises(bench: Bench, push: Push) -> None:
    push("c1", site("p1", meter("m1"), meter("m2")))
    machine = type("Machine", (Interleaving,), {"bench": bench})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

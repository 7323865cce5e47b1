"""Between commit and gateway nothing is lost and nothing doubled (contract 3.4, properties)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from tests.devices.conftest import CODE, MAC, NOW, WHO, Bench, HeadEnd, with_settings

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.devices import requests
from energygrid.devices.binding import Signal, State
from energygrid.devices.gateways import dispatch as outbox
from energygrid.devices.gateways.gateway import Answer, CommandKind
from energygrid.devices.parties import Party
from energygrid.devices.queries import Bind, get_bind, history
from energygrid.devices.requests import DeviceAsked

YES, NO = Answer(accepted=True), Answer(accepted=False, reason="METER_OFFLINE")


class Killed(BaseException):
    """The worker dies here."""


@pytest.fixture
def open_bind(database: Database, vault: Vault, committed_tenant: Tenant) -> Bind:
    tenant = with_settings(committed_tenant, gateway="http")
    device = DeviceAsked(MAC, CODE)
    bind = database.write(requests.bind_device, vault, tenant, WHO, Party("c1", "m1"), device, NOW).bind
    assert bind is not None
    return bind


@pytest.fixture
def run(database: Database, vault: Vault, committed_tenant: Tenant, open_bind: Bind) -> Callable[..., bool]:
    tenant = with_settings(committed_tenant, gateway="http")

    def dispatch(head_end: HeadEnd, at: datetime = NOW) -> bool:
        return outbox.dispatch(database, vault, head_end, tenant, open_bind.bind_id, at)

    return dispatch


def state_of(database: Database, bind: Bind) -> State:
    found = database.read(get_bind, bind.tenant_id, bind.bind_id)
    assert found is not None
    return found.state


def test_the_join_carries_the_bind_request_id_as_its_idempotency_key(
    database: Database, open_bind: Bind, run: Callable[..., bool]
) -> None:
    head_end = HeadEnd()
    assert run(head_end)
    assert not run(head_end)
    assert list(head_end.joined) == [open_bind.bind_id]
    assert head_end.calls[0].credential is not None
    assert head_end.calls[0].credential.code == CODE
    assert state_of(database, open_bind) is State.PENDING


def _die() -> None:
    raise Killed


@pytest.mark.parametrize("point", ["before the claim", "before the send", "after the send", "before the settling"])
def test_a_worker_killed_at_any_point_neither_loses_nor_doubles_a_bind(
    database: Database, open_bind: Bind, run: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    head_end = HeadEnd()
    with monkeypatch.context() as patch:
        if point == "before the claim":
            patch.setattr(outbox.outbox, "change_command", lambda *_, **__: _die())
        elif point == "before the send":
            patch.setattr(head_end, "send", lambda _: _die())
        elif point == "after the send":
            head_end.before_answer = _die
        else:
            patch.setattr(outbox.life, "apply", lambda *_: _die())
        with pytest.raises(Killed):
            run(head_end)
    head_end.before_answer = lambda: None
    assert state_of(database, open_bind) is State.REQUESTED
    if point != "before the claim":
        assert not run(head_end)  # the dead worker's lease
    later = NOW + outbox.LEASE
    assert database.write(outbox.wake_overdue, later) == 1
    assert run(head_end, later)
    assert list(head_end.joined) == [open_bind.bind_id]
    assert state_of(database, open_bind) is State.PENDING
    assert database.write(outbox.wake_overdue, later + timedelta(hours=1)) == 0


def test_a_worker_that_wakes_after_its_lease_changes_nothing_twice(
    database: Database, vault: Vault, committed_tenant: Tenant, open_bind: Bind, run: Callable[..., bool]
) -> None:
    tenant = with_settings(committed_tenant, gateway="http")
    claim = database.write(outbox.claim_command, vault, tenant, open_bind.bind_id, NOW)
    assert claim is not None
    assert run(HeadEnd(), NOW + outbox.LEASE)
    database.write(outbox.settle_command, tenant, claim, NO, NOW + outbox.LEASE)
    assert state_of(database, open_bind) is State.PENDING
    assert len(database.read(history, tenant.id, open_bind.bind_id)) == 2


def test_a_silent_gateway_is_tried_after_1_5_30_120_and_every_600_seconds(bench: Bench) -> None:
    bind = bench.bind()
    at, waits = NOW, []
    for _ in range(7):
        assert bench.send(bind, None, at=at) is not None
        [row] = bench.rows("SELECT due_at FROM gateway_command WHERE tenant_id = :tenant")
        waits.append((row.due_at - at).total_seconds())
        assert bench.send(bind, YES, at=row.due_at - timedelta(milliseconds=1)) is None
        at = row.due_at
    assert waits == [1, 5, 30, 120, 600, 600, 600]


def test_after_six_hours_of_silence_the_bind_fails_and_the_device_is_asked_to_leave(bench: Bench) -> None:
    bind = bench.bind()
    bench.send(bind, None)
    bench.send(bind, None, at=NOW + timedelta(hours=6))
    after = bench.look(bind)
    assert (after.state, after.reason, after.code_sealed) == (State.FAILED, "GATEWAY_UNREACHABLE", None)
    assert bench.commands() == ["leave"]


def test_a_refused_join_fails_with_the_gateways_reason(bench: Bench) -> None:
    bind = bench.bind()
    bench.send(bind, NO)
    after = bench.look(bind)
    assert (after.state, after.reason) == (State.FAILED, "METER_OFFLINE")


def test_a_release_while_the_join_is_on_the_wire_goes_out_after_it(bench: Bench) -> None:
    bind = bench.bind()
    claim = outbox.claim_command(bench.db, bench.vault, bench.tenant, bind.bind_id, NOW)
    assert claim is not None
    bench.release()
    assert bench.send(bind, YES) is None
    outbox.settle_command(bench.db, bench.tenant, claim, YES, NOW)
    assert bench.state(bind) is State.RELEASING
    sent = bench.send(bind, YES)
    assert sent is not None
    assert (sent.command.kind, sent.command.idempotency_key) == (CommandKind.LEAVE, f"{bind.bind_id}.2")


def test_a_gateway_that_knows_no_such_device_has_released_it(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REGISTERED)
    bench.release()
    bench.send(bind, NO)
    assert bench.state(bind) is State.RELEASED


def test_the_job_runs_in_a_worker_and_the_sandbox_pairs_at_once(
    database: Database,
    vault: Vault,
    committed_tenant: Tenant,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    device = DeviceAsked("AA:BB:CC:DD:EE:FF", CODE)
    bind = database.write(
        requests.bind_device, vault, committed_tenant, WHO, Party("c1", "m1"), device, datetime.now(NOW.tzinfo)
    ).bind
    assert bind is not None
    run_jobs()
    assert failed_jobs() == []
    assert state_of(database, bind) is State.PAIRED
    jobs = database.read(lambda db: db.execute(text("SELECT args FROM procrastinate_jobs")).scalars().all())
    assert CODE not in repr(jobs)

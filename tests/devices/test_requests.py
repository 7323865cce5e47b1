"""Asking for a bind and for its end, against the database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from energygrid.devices.binding import Signal, State
from energygrid.devices.gateways.gateway import Answer
from energygrid.devices.inventory import register_device
from energygrid.devices.queries import active_binds, history
from energygrid.devices.sandbox import TUTORIAL_CODE, TUTORIAL_MAC, load_fixtures
from energygrid.devices.settings import DeviceType
from energygrid.errors import Conflict, DomainError, Invalid, Unavailable

from .conftest import CODE, MAC, NOW, OTHER_CODE, OTHER_MAC, WHO, Bench, with_settings

YES = Answer(accepted=True)


def code_of(refusal: pytest.ExceptionInfo[DomainError]) -> str:
    return refusal.value.code


def test_a_new_bind_waits_with_its_join_command_and_tells_subscribers(bench: Bench) -> None:
    bind = bench.bind()
    assert (bind.state, bind.mac, bind.slot) == (State.REQUESTED, "aabbcc000010", 0)
    assert bind.deadline_at == NOW + timedelta(hours=48)
    assert bench.commands() == ["join"]
    assert bench.events() == ["bind.requested"]
    [job] = bench.rows("SELECT args FROM procrastinate_jobs WHERE task_name = 'devices.dispatch'")
    assert job.args == {"tenant_id": bench.tenant.id, "bind_id": bind.bind_id}


def test_c08_asking_again_while_pending_is_the_same_bind_and_opens_the_window_once_in_15_minutes(bench: Bench) -> None:
    bind = bench.bind()
    bench.send(bind, YES)
    later = NOW + timedelta(minutes=15)
    assert bench.bind(at=NOW + timedelta(minutes=14)).bind_id == bind.bind_id
    assert bench.commands() == []
    assert bench.bind(at=later).bind_id == bind.bind_id
    assert bench.bind(at=later).bind_id == bind.bind_id
    assert bench.commands() == ["rearm"]


def test_c07_a_paired_device_bound_again_is_a_noop_in_staging_and_an_error_in_production(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REGISTERED)
    assert bench.bind().bind_id == bind.bind_id
    with pytest.raises(Conflict) as refusal:
        bench.bind(strict=True)
    assert code_of(refusal) == "METER_ALREADY_BOUND"
    bench.tenant = replace(bench.tenant, environment="production", _sections={})
    with pytest.raises(Conflict):
        bench.bind()
    bench.tenant = with_settings(bench.tenant, gateway="http", repeat_is_noop=True)
    assert bench.bind().bind_id == bind.bind_id


def test_ta10_another_device_finds_the_meter_bound(bench: Bench) -> None:
    bench.bind()
    with pytest.raises(Conflict) as refusal:
        bench.bind(OTHER_MAC)
    assert code_of(refusal) == "METER_ALREADY_BOUND"
    with pytest.raises(Conflict) as refusal:
        bench.bind(meter="m2")
    assert code_of(refusal) == "DEVICE_ALREADY_BOUND"


@pytest.mark.parametrize("code", ["TUTORIAL-INSTALL-CODE-002", "83FED3407A932B71", ""])
def test_ta10_a_wrong_code_leaves_no_trace(bench: Bench, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        bench.bind(code=code)
    assert code_of(refusal) == "INVALID_INSTALL_CODE"
    assert bench.rows("SELECT 1 FROM bind WHERE tenant_id = :tenant") == []


def test_ta10_release_then_bind_again(simulated: Bench) -> None:
    load_fixtures(simulated.db, simulated.vault, simulated.tenant, NOW)
    first = simulated.bind(TUTORIAL_MAC, code=TUTORIAL_CODE)
    released = simulated.release()
    assert released is not None
    assert released.state is State.RELEASING
    second = simulated.bind(TUTORIAL_MAC, code=TUTORIAL_CODE)
    assert second.bind_id != first.bind_id
    assert simulated.state(first) is State.RELEASED


def test_a_device_that_is_leaving_keeps_the_meter_for_half_a_minute(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REGISTERED)
    bench.release()
    with pytest.raises(Unavailable) as refusal:
        bench.bind(OTHER_MAC)
    assert (code_of(refusal), refusal.value.retry_after) == ("METER_ALREADY_BOUND", 30)
    bench.report(bind, 2, Signal.LEFT)
    assert bench.bind(OTHER_MAC).state is State.REQUESTED


def test_a_release_before_the_join_was_sent_takes_the_join_back(bench: Bench) -> None:
    bind = bench.bind()
    bench.release()
    after = bench.look(bind)
    assert (after.state, after.reason, after.code_sealed) == (State.RELEASING, "CANCELLED", None)
    assert bench.commands() == ["leave"]


def test_releasing_again_is_the_same_request_and_releasing_nothing_a_noop(bench: Bench) -> None:
    assert bench.release() is None
    bind = bench.bind()
    assert [again.bind_id for again in (bench.release(), bench.release()) if again] == [bind.bind_id] * 2
    assert bench.commands() == ["leave"]


def test_a_meter_with_room_for_two_takes_two_devices_and_no_third(bench: Bench) -> None:
    bench.tenant = with_settings(bench.tenant, gateway="http", capacity=2)
    first, second = bench.bind(), bench.bind(OTHER_MAC)
    assert [first.slot, second.slot] == [0, 1]
    with pytest.raises(Conflict):
        bench.bind("AA:BB:CC:00:00:12")
    bench.release(mac=MAC)
    bench.report(first, 1, Signal.LEFT)
    assert bench.bind("AA:BB:CC:00:00:12").slot == 0


def test_a_code_must_be_the_one_the_inventory_holds_for_the_address(bench: Bench) -> None:
    register_device(bench.db, bench.vault, bench.tenant, MAC, NOW, install_code=CODE)
    with pytest.raises(Invalid) as refusal:
        bench.bind(code=OTHER_CODE)
    assert code_of(refusal) == "INVALID_INSTALL_CODE"
    assert bench.bind(code=CODE.lower()).state is State.REQUESTED


def test_c31_each_device_type_has_its_own_timers_and_48_hours_for_both(bench: Bench) -> None:
    register_device(bench.db, bench.vault, bench.tenant, OTHER_MAC, NOW, device_type=DeviceType.SMARTLINK)
    hub, plug = bench.bind(), bench.bind(OTHER_MAC, "m2")
    assert hub.slow_at == NOW + timedelta(minutes=15)
    assert plug.slow_at == NOW + timedelta(minutes=5)
    assert hub.deadline_at == plug.deadline_at == NOW + timedelta(hours=48)


def test_a_fixture_code_opens_nothing_in_production(bench: Bench) -> None:
    load_fixtures(bench.db, bench.vault, bench.tenant, NOW)
    bench.tenant = replace(bench.tenant, environment="production", _sections={})
    with pytest.raises(Invalid):
        bench.bind(TUTORIAL_MAC, code=TUTORIAL_CODE)
    with pytest.raises(Invalid):
        load_fixtures(bench.db, bench.vault, bench.tenant, NOW)


def test_the_sealed_code_is_gone_as_soon_as_the_gateway_has_it(bench: Bench) -> None:
    bind = bench.bind()
    assert bind.code_sealed is not None
    assert CODE.encode() not in bind.code_sealed
    claim = bench.send(bind, YES)
    assert claim is not None
    assert claim.command.credential is not None
    assert claim.command.credential.code == CODE
    assert CODE not in repr(claim)
    after = bench.look(bind)
    assert (after.state, after.code_sealed) == (State.PENDING, None)
    assert after.fingerprint == bind.fingerprint


def test_every_change_is_in_the_history_and_in_the_audit_log(bench: Bench) -> None:
    bind = bench.bind()
    bench.release()
    entries = history(bench.db, bench.tenant.id, bind.bind_id)
    assert [(entry.signal, entry.from_state, entry.to_state, entry.source, entry.actor) for entry in entries] == [
        ("REQUEST", None, "REQUESTED", "api", WHO.name),
        ("RELEASE", "REQUESTED", "RELEASING", "api", WHO.name),
    ]
    audited = bench.rows(
        "SELECT action, subject FROM audit_log WHERE tenant_id = :tenant AND action LIKE 'bind.%' ORDER BY id"
    )
    assert [tuple(row) for row in audited] == [("bind.new", "meter/m1"), ("bind.release", "meter/m1")]


def test_nothing_of_another_tenant_is_seen(bench: Bench) -> None:
    bench.bind()
    assert active_binds(bench.db, bench.tenant.id + 1, "m1", "aabbcc000010") == []

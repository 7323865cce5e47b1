"""Whose meter a bind is for (contract C12, C15), and what becomes of it when people or meters change."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.customers.payloads import meter, site
from tests.devices.conftest import CODE, MAC, NOW, OTHER_MAC, WHO, Bench, Push

from energygrid.access import tenants
from energygrid.customers.profiles import resolve_profile
from energygrid.devices import requests
from energygrid.devices.binding import Reason, Signal, State
from energygrid.devices.parties import Whose
from energygrid.devices.queries import Bind
from energygrid.devices.requests import DeviceAsked
from energygrid.errors import Denied, DomainError, Invalid, NotFound


@pytest.fixture
def ask(bench: Bench) -> Callable[..., Bind]:
    def run(whose: Whose, mac: str = MAC) -> Bind:
        device = DeviceAsked(mac, CODE)
        bind = requests.request_bind(bench.db, bench.vault, bench.tenant, WHO, whose, device, NOW).bind
        assert bind is not None
        return bind

    return run


def code_of(ask: Callable[..., Bind], whose: Whose, kind: type[DomainError]) -> str:
    with pytest.raises(kind) as refusal:
        ask(whose)
    return refusal.value.code


def test_c15_a_profile_is_a_client_id_or_our_guid(bench: Bench, push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1"), meter("m2")))
    guid = str(resolve_profile(bench.db, bench.tenant, "c1").profile_id)
    assert ask(Whose("c1", "m1")).client_id == "c1"
    assert ask(Whose(guid, "m2"), OTHER_MAC).client_id == "c1"


def test_c12_a_service_location_means_the_electric_ami_meter_of_its_premise(
    push: Push, ask: Callable[..., Bind]
) -> None:
    push("c1", site("p1", meter("g1", meterType="Gas"), meter("m1"), meter("m2", isAMI=False)))
    assert ask(Whose("c1", slid="p1")).meter_id == "m1"


def test_c12_of_several_the_primary_meter_else_an_error(push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1"), meter("m2")))
    code_of(ask, Whose("c1", slid="p1"), Invalid)
    push("c1", site("p1", meter("m1"), meter("m2", isPrimary=True)))
    assert ask(Whose("c1", slid="p1")).meter_id == "m2"


def test_unknown_and_foreign_things_look_the_same(push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1")))
    push("c2", site("p2", meter("m2")))
    assert code_of(ask, Whose("nobody", "m1"), NotFound) == "UNKNOWN_PROFILE"
    assert code_of(ask, Whose("c1", "m9"), NotFound) == "UNKNOWN_METER"
    assert code_of(ask, Whose("c1", "m2"), NotFound) == "UNKNOWN_METER"
    assert code_of(ask, Whose("c1", slid="p9"), NotFound) == "UNKNOWN_PREMISE"
    assert code_of(ask, Whose("c1", slid="p2"), NotFound) == "UNKNOWN_METER"
    assert code_of(ask, Whose("c1"), Invalid) == "MISSING_FIELD"


def test_a_closed_or_locked_account_binds_nothing(push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1")), status="C")
    assert code_of(ask, Whose("c1", "m1"), Denied) == "ACCOUNT_CLOSED"
    push("c1", site("p1", meter("m1")), status="S")
    assert code_of(ask, Whose("c1", "m1"), Denied) == "ACCOUNT_LOCKED"


def test_a_meter_without_radio_cannot_be_bound_but_can_be_released(
    bench: Bench, push: Push, ask: Callable[..., Bind]
) -> None:
    push("c1", site("p1", meter("m1")))
    bind = ask(Whose("c1", "m1"))
    push("c1", site("p1", meter("m1", isAMI=False)))
    assert code_of(ask, Whose("c1", "m1"), Invalid) == "METER_NOT_AMI"
    requests.request_release(bench.db, bench.tenant, WHO, Whose("c1", "m1"), None, NOW)
    assert bench.state(bind) is State.RELEASING


def test_whoever_lives_there_may_release_without_knowing_the_device(
    bench: Bench, push: Push, ask: Callable[..., Bind]
) -> None:
    push("c1", site("p1", meter("m1", accountNumber="a1")))
    bind = ask(Whose("c1", "m1"))
    push("c2", site("p1", meter("m1", accountNumber="a1")))
    requests.request_release(bench.db, bench.tenant, WHO, Whose("c2", "m1"), OTHER_MAC, NOW)
    assert bench.state(bind) is State.RELEASING


def test_a_move_out_releases_and_a_newcomers_own_bind_stays(bench: Bench, push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1", accountNumber="a1")))
    bind = ask(Whose("c1", "m1"))
    bench.report(bind, 1, Signal.REGISTERED)
    assert requests.release_meters(bench.db, bench.tenant, ["m1"], Reason.TENANT_CHANGED, NOW) == 0
    push("c2", site("p1", meter("m1", accountNumber="a2")))
    assert requests.release_meters(bench.db, bench.tenant, ["m1"], Reason.TENANT_CHANGED, NOW) == 1
    after = bench.look(bind)
    assert (after.state, after.reason) == (State.RELEASING, "TENANT_CHANGED")
    bench.report(bind, 2, Signal.LEFT)
    ask(Whose("c2", "m1"), OTHER_MAC)
    assert requests.release_meters(bench.db, bench.tenant, ["m1"], Reason.TENANT_CHANGED, NOW) == 0


def test_a_denied_account_and_a_meter_taken_down_release(bench: Bench, push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1"), meter("m2")))
    denied, removed = ask(Whose("c1", "m1")), ask(Whose("c1", "m2"), OTHER_MAC)
    assert requests.release_meters(bench.db, bench.tenant, ["m2"], Reason.METER_REMOVED, NOW) == 1
    push("c1", site("p1", meter("m1"), meter("m2")), status="C")
    assert requests.release_meters(bench.db, bench.tenant, ["m1", "m2"], Reason.ACCOUNT_DENIED, NOW) == 1
    assert [bench.look(bind).reason for bind in (denied, removed)] == ["ACCOUNT_DENIED", "METER_REMOVED"]


def test_whose_an_ended_bind_was_is_forgotten(bench: Bench, push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1"), meter("m2")))
    failed, timed_out = ask(Whose("c1", "m1")), ask(Whose("c1", "m2"), OTHER_MAC)
    assert bench.report(failed, 1, Signal.REFUSED).client_id is None
    assert bench.advance(timed_out, NOW + timedelta(hours=48)).client_id == "c1"
    requests.release_meters(bench.db, bench.tenant, ["m2"], Reason.TENANT_CHANGED, NOW)
    assert bench.look(timed_out).client_id == "c1"
    push("c1", site("p1", meter("m1")))
    requests.release_meters(bench.db, bench.tenant, ["m2"], Reason.METER_REMOVED, NOW)
    assert bench.look(timed_out).client_id is None


def test_a_late_success_of_somebody_who_has_left_is_sent_away(
    bench: Bench, push: Push, ask: Callable[..., Bind]
) -> None:
    push("c1", site("p1", meter("m1", accountNumber="a1")))
    bind = ask(Whose("c1", "m1"))
    bench.advance(bind, NOW + timedelta(hours=48))
    push("c2", site("p1", meter("m1", accountNumber="a2")))
    assert bench.report(bind, 1, Signal.REGISTERED, at=NOW + timedelta(hours=49)).state is State.TIMED_OUT
    assert "leave" in bench.commands()


def test_another_tenants_meter_is_not_known(bench: Bench, push: Push, ask: Callable[..., Bind]) -> None:
    push("c1", site("p1", meter("m1")))
    bench.tenant = tenants.create_tenant(bench.db, "elsewhere", environment="staging", now=NOW)
    assert code_of(ask, Whose("c1", "m1"), NotFound) == "UNKNOWN_PROFILE"

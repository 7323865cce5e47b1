"""Reading binds."""

import pytest
from tests.devices.conftest import NOW, OTHER_MAC, WHO, Bench

from energygrid.devices import status
from energygrid.devices.binding import Signal, State
from energygrid.devices.status import MeterBinding
from energygrid.errors import NotFound


def test_a_request_can_be_followed_by_its_id(bench: Bench) -> None:
    bind = bench.bind()
    found = status.bind_status(bench.db, bench.tenant, WHO, bind.bind_id, NOW)
    assert found.bind == bind
    assert [entry.to_state for entry in found.history] == [State.REQUESTED]


def test_the_current_bind_is_the_active_one_else_the_last(bench: Bench) -> None:
    first = bench.bind()
    bench.report(first, 1, Signal.REFUSED)
    assert status.current_binding(bench.db, bench.tenant, WHO, "m1", NOW).bind_id == first.bind_id
    second = bench.bind(OTHER_MAC)
    assert status.current_binding(bench.db, bench.tenant, WHO, "m1", NOW).bind_id == second.bind_id


def test_what_was_never_asked_for_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        status.bind_status(bench.db, bench.tenant, WHO, "bnd_x", NOW)
    with pytest.raises(NotFound):
        status.current_binding(bench.db, bench.tenant, WHO, "m1", NOW)


def test_c10_state_and_device_of_many_meters_at_once(bench: Bench) -> None:
    paired = bench.bind()
    bench.report(paired, 1, Signal.REGISTERED)
    failed = bench.bind(OTHER_MAC, "m2")
    bench.report(failed, 1, Signal.REFUSED)
    assert status.binds_of_meters(bench.db, bench.tenant.id, ["m1", "m2", "m3"]) == {
        "m1": MeterBinding("PAIRED", "AA:BB:CC:00:00:10"),
        "m2": MeterBinding("FAILED", None),
    }


def test_every_look_at_a_bind_is_audited(bench: Bench) -> None:
    bind = bench.bind()
    status.bind_status(bench.db, bench.tenant, WHO, bind.bind_id, NOW)
    status.current_binding(bench.db, bench.tenant, WHO, "m1", NOW)
    seen = bench.rows("SELECT 1 FROM audit_log WHERE tenant_id = :tenant AND action = 'bind.read'")
    assert len(seen) == 2

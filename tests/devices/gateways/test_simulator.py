"""The sandbox's outcomes by the end of the address (contract 3.4), under a virtual clock."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.devices.conftest import NOW, Bench, ahead

from energygrid.access import tenants
from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.devices import requests, timers
from energygrid.devices.binding import State
from energygrid.devices.parties import Party
from energygrid.devices.queries import get_bind
from energygrid.devices.requests import DeviceAsked
from energygrid.devices.sandbox import TUTORIAL_CODE, TUTORIAL_MAC, load_fixtures
from energygrid.errors import Unavailable


@pytest.mark.parametrize(
    ("mac", "hours", "state", "reason"),
    [
        ("AA:BB:CC:DD:EE:FF", 0, State.PAIRED, None),
        ("AA:BB:CC:DD:EE:01", 0.24, State.JOINING, None),
        ("AA:BB:CC:DD:EE:01", 0.25, State.PAIRED, None),
        ("AA:BB:CC:DD:EE:02", 0, State.FAILED, "INSTALL_CODE_MISMATCH"),
        ("AA:BB:CC:DD:EE:03", 47.9, State.PENDING, None),
        ("AA:BB:CC:DD:EE:03", 48, State.TIMED_OUT, None),
        ("AA:BB:CC:DD:EE:04", 0, State.FAILED, "METER_OFFLINE"),
        ("AA:BB:CC:DD:EE:0A", 0, State.PENDING, None),
        ("AA:BB:CC:DD:EE:0A", 0.01, State.PAIRED, None),
    ],
)
def test_the_end_of_the_address_decides(
    simulated: Bench, mac: str, hours: float, state: State, reason: str | None
) -> None:
    bind = simulated.bind(mac)
    simulated.tenant = ahead(simulated.tenant, hours=hours)
    after = simulated.advance(bind, NOW)
    assert (after.state, after.reason) == (state, reason)


def test_a_clock_that_jumps_over_everything_finds_each_event_at_its_own_time(simulated: Bench) -> None:
    bind = simulated.bind("AA:BB:CC:DD:EE:01")
    simulated.tenant = ahead(simulated.tenant, days=30)
    after = simulated.advance(bind, NOW)
    assert (after.state, after.paired_at) == (State.PAIRED, NOW + timedelta(minutes=15))
    assert simulated.events() == ["bind.requested", "bind.pending", "bind.slow", "bind.paired"]


def test_a_device_that_leaves_slowly_shows_what_a_release_under_way_is(simulated: Bench) -> None:
    bind = simulated.bind("AA:BB:CC:DD:EE:05")
    simulated.release()
    with pytest.raises(Unavailable) as refusal:
        simulated.bind("AA:BB:CC:DD:EE:FF")
    assert (refusal.value.code, refusal.value.retry_after) == ("METER_ALREADY_BOUND", 30)
    simulated.tenant = ahead(simulated.tenant, minutes=10)
    simulated.bind("AA:BB:CC:DD:EE:FF")
    assert simulated.state(bind) is State.RELEASED


def test_the_fixture_loads_twice_and_its_code_opens_other_simulated_devices(simulated: Bench) -> None:
    for _ in range(2):
        load_fixtures(simulated.db, simulated.vault, simulated.tenant, NOW)
    first = simulated.bind(TUTORIAL_MAC, code=TUTORIAL_CODE)
    assert simulated.bind(TUTORIAL_MAC, code=TUTORIAL_CODE).bind_id == first.bind_id
    assert simulated.bind("AA:BB:CC:DD:EE:02", "m2", TUTORIAL_CODE).state is State.REQUESTED


def test_a_foreseen_event_has_a_job_at_its_own_time(
    database: Database, vault: Vault, committed_tenant: Tenant, run_jobs: Callable[[], None]
) -> None:
    """The default device pairs after seconds: not with the next sweep, a minute later."""
    now = NOW
    party, device = Party("c1", "m1"), DeviceAsked("AA:BB:CC:DD:EE:0A", "83FED3407A932B70")
    bind = database.write(requests.bind_device, vault, committed_tenant, Actor("c", "r"), party, device, now).bind
    assert bind is not None
    run_jobs()  # real time is long past the simulated events
    found = database.read(get_bind, committed_tenant.id, bind.bind_id)
    assert found is not None
    assert (found.state, found.paired_at) == (State.PAIRED, NOW + timedelta(seconds=5))


def test_advancing_a_tenant_drives_all_its_binds(database: Database, vault: Vault, committed_tenant: Tenant) -> None:
    for meter, mac in (("m1", "AA:BB:CC:DD:EE:01"), ("m2", "AA:BB:CC:DD:EF:03")):
        party, device = Party("c1", meter), DeviceAsked(mac, "83FED3407A932B70")
        database.write(requests.bind_device, vault, committed_tenant, Actor("c", "r"), party, device, NOW)
    tenant = database.write(tenants.advance_clock, committed_tenant, timedelta(hours=49), who=Actor("c", "r"), now=NOW)
    assert timers.advance_tenant(database, tenant, NOW) == 2
    assert timers.advance_tenant(database, tenant, NOW) == 0

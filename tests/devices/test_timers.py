from datetime import timedelta

from tests.devices.conftest import NOW, Bench

from energygrid.devices import timers
from energygrid.devices.binding import State
from energygrid.devices.gateways import dispatch as outbox
from energygrid.devices.gateways.gateway import Answer

YES = Answer(accepted=True)


def _foreseen(bench: Bench) -> list[float]:
    """Seconds after NOW for which jobs that drive binds are enqueued."""
    rows = bench.rows(
        "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'devices.advance_bind' ORDER BY id"
    )
    return [(row.scheduled_at - NOW).total_seconds() for row in rows]


def test_every_simulated_event_is_driven_at_its_own_time(simulated: Bench) -> None:
    """Contract 3.4, row "sandbox": contact after two seconds and paired after five, without waiting for a sweep."""
    bind = simulated.bind("AA:BB:CC:00:00:10", code="83FED3407A932B70")
    simulated.send(bind, YES)
    assert _foreseen(simulated) == [2]
    timers.drive_bind(simulated.db, simulated.tenant, bind.bind_id, NOW + timedelta(seconds=2))
    assert simulated.state(bind) is State.JOINING
    assert _foreseen(simulated) == [2, 5]
    timers.drive_bind(simulated.db, simulated.tenant, bind.bind_id, NOW + timedelta(seconds=5))
    assert simulated.state(bind) is State.PAIRED
    assert _foreseen(simulated) == [2, 5]


def test_a_command_that_a_dead_worker_was_sending_may_be_sent_at_once(bench: Bench) -> None:
    bind = bench.bind()
    assert outbox.claim_command(bench.db, bench.vault, bench.tenant, bind.bind_id, NOW) is not None
    assert bench.send(bind, YES) is None
    outbox.forget_leases(bench.db)
    assert bench.send(bind, YES) is not None
    assert bench.state(bind) is State.PENDING

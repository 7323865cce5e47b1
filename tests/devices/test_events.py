"""What gateways report: order, repeats, lateness, and the timers."""

from datetime import timedelta

import pytest
from tests.customers.payloads import meter, site

from energygrid.devices.binding import Signal, State
from energygrid.devices.events import apply_gateway_event
from energygrid.devices.gateways.gateway import Answer, GatewayEvent
from energygrid.devices.queries import history
from energygrid.errors import NotFound

from .conftest import NOW, OTHER_MAC, Bench, Push, with_settings

H48 = timedelta(hours=48)


def said(bench: Bench, bind_id: str) -> list[tuple[str, str | None]]:
    return [(entry.signal, entry.to_state) for entry in history(bench.db, bench.tenant.id, bind_id)]


def test_the_ordinary_way_to_a_pair(bench: Bench) -> None:
    bind = bench.bind()
    bench.send(bind, Answer(accepted=True))
    bench.report(bind, 1, Signal.CONTACT)
    paired = bench.report(bind, 2, Signal.REGISTERED)
    assert (paired.state, paired.late, paired.deadline_at, paired.slow_at) == (State.PAIRED, False, None, None)
    assert said(bench, bind.bind_id) == [
        ("REQUEST", "REQUESTED"),
        ("ACCEPTED", "PENDING"),
        ("CONTACT", "JOINING"),
        ("REGISTERED", "PAIRED"),
    ]
    assert bench.events() == ["bind.requested", "bind.pending", "bind.paired"]


def test_an_event_told_twice_counts_once(bench: Bench) -> None:
    bind = bench.bind()
    for _ in range(2):
        bench.report(bind, 1, Signal.CONTACT)
    assert said(bench, bind.bind_id) == [("REQUEST", "REQUESTED"), ("CONTACT", "JOINING")]


def test_an_event_overtaken_by_a_later_one_is_recorded_and_changes_nothing(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 5, Signal.REGISTERED)
    assert bench.report(bind, 4, Signal.LEFT).state is State.PAIRED
    assert said(bench, bind.bind_id)[-1] == ("LEFT", None)


def test_an_acknowledgement_that_comes_after_the_pairing_changes_nothing(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REGISTERED)
    bench.send(bind, Answer(accepted=True))
    assert bench.state(bind) is State.PAIRED


def test_an_illegal_event_is_recorded_and_changes_nothing(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REGISTERED)
    assert bench.report(bind, 2, Signal.CONTACT).state is State.PAIRED
    assert said(bench, bind.bind_id)[-1] == ("CONTACT", None)


def test_an_event_of_an_unknown_bind_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        apply_gateway_event(bench.db, bench.tenant, GatewayEvent("bnd_x", 1, Signal.CONTACT), NOW)


def test_a_refusal_fails_the_bind_with_its_reason(bench: Bench) -> None:
    bind = bench.bind()
    after = bench.report(bind, 1, Signal.REFUSED, "HAN_FULL")
    assert (after.state, after.reason, after.code_sealed) == (State.FAILED, "HAN_FULL", None)
    assert bench.commands() == []
    assert bench.bind(OTHER_MAC).state is State.REQUESTED


def test_slow_is_said_once_and_changes_nothing(bench: Bench) -> None:
    bind = bench.bind()
    bench.send(bind, Answer(accepted=True))
    for minutes in (14, 15, 16, 60):
        assert bench.advance(bind, NOW + timedelta(minutes=minutes)).state is State.PENDING
    assert bench.events().count("bind.slow") == 1


def test_after_48_hours_the_bind_is_given_up_and_the_window_closed(bench: Bench) -> None:
    bind = bench.bind()
    bench.send(bind, Answer(accepted=True))
    assert bench.advance(bind, NOW + H48 - timedelta(seconds=1)).state is State.PENDING
    after = bench.advance(bind, NOW + H48 + timedelta(hours=1))
    assert (after.state, after.changed_at) == (State.TIMED_OUT, NOW + H48)
    assert bench.commands() == ["close"]
    assert bench.events() == ["bind.requested", "bind.pending", "bind.slow", "bind.timed_out"]


def test_a_decision_does_not_wait_for_the_timers_job(bench: Bench) -> None:
    old = bench.bind()
    new = bench.bind(OTHER_MAC, at=NOW + H48)
    assert bench.state(old) is State.TIMED_OUT
    assert new.state is State.REQUESTED


def test_a_late_success_pairs_while_the_meter_is_free(bench: Bench, push: Push) -> None:
    push("c1", site("p1", meter("m1")))
    bind = bench.bind()
    late = NOW + H48 + timedelta(hours=2)
    after = bench.report(bind, 1, Signal.REGISTERED, at=late)
    assert (after.state, after.late, after.reason) == (State.PAIRED, True, None)
    assert bench.commands() == []  # the order to close the window has lost its point
    assert bench.events()[-1] == "bind.paired"


def test_a_late_success_on_a_taken_meter_is_sent_away(bench: Bench, push: Push) -> None:
    push("c1", site("p1", meter("m1")))
    old = bench.bind()
    late = NOW + H48 + timedelta(hours=2)
    new = bench.bind(OTHER_MAC, at=late)
    assert bench.report(old, 1, Signal.REGISTERED, at=late).state is State.TIMED_OUT
    assert "leave" in bench.commands()
    assert bench.state(new) is State.REQUESTED


def test_a_late_success_takes_another_free_place(bench: Bench, push: Push) -> None:
    push("c1", site("p1", meter("m1")))
    bench.tenant = with_settings(bench.tenant, gateway="http", capacity=2)
    old = bench.bind()
    late = NOW + H48
    assert bench.bind(OTHER_MAC, at=late).slot == 0
    after = bench.report(old, 1, Signal.REGISTERED, at=late)
    assert (after.state, after.slot) == (State.PAIRED, 1)


def test_a_device_that_joins_after_its_bind_has_ended_is_sent_away(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REFUSED, "METER_OFFLINE")
    assert bench.report(bind, 2, Signal.REGISTERED).state is State.FAILED
    assert bench.commands() == ["leave"]


def test_a_device_that_leaves_by_itself_frees_the_meter(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REGISTERED)
    assert bench.report(bind, 2, Signal.LEFT).state is State.RELEASED
    assert bench.commands() == []


def test_a_release_nobody_confirms_ends_within_48_hours(bench: Bench) -> None:
    bind = bench.bind()
    bench.report(bind, 1, Signal.REGISTERED)
    bench.release(at=NOW + timedelta(days=5))
    assert bench.advance(bind, NOW + timedelta(days=6)).state is State.RELEASING
    after = bench.advance(bind, NOW + timedelta(days=7))
    assert (after.state, after.reason) == (State.RELEASED, "RELEASE_UNCONFIRMED")


def test_a_cancelled_bind_ends_within_48_hours_of_its_request(bench: Bench) -> None:
    bind = bench.bind()
    bench.release(at=NOW + timedelta(hours=47))
    assert bench.advance(bind, NOW + H48).state is State.RELEASED

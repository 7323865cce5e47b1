"""The state machine and the decision table of contract 3.4, every cell."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.devices.binding import (
    ACTIVE,
    ENDED,
    WAITING,
    ActiveBind,
    Asked,
    Rules,
    Signal,
    State,
    Verdict,
    decide_bind,
    decide_release,
    step,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINE, OTHER = "aabbccddeeff", "112233445566"
CODE, WRONG = b"c" * 32, b"w" * 32
ENVIRONMENTS = ("sandbox", "staging", "production")

LEGAL = {
    "REQUESTED": "ACCEPTED PENDING, CONTACT JOINING, REGISTERED PAIRED, REFUSED FAILED, UNREACHABLE FAILED,"
    " DEADLINE TIMED_OUT, RELEASE RELEASING",
    "PENDING": "CONTACT JOINING, REGISTERED PAIRED, REFUSED FAILED, WINDOW_CLOSED TIMED_OUT, LEFT RELEASED,"
    " DEADLINE TIMED_OUT, RELEASE RELEASING",
    "JOINING": "REGISTERED PAIRED, REFUSED FAILED, WINDOW_CLOSED TIMED_OUT, LEFT RELEASED, DEADLINE TIMED_OUT,"
    " RELEASE RELEASING",
    "PAIRED": "LEFT RELEASED, RELEASE RELEASING",
    "RELEASING": "LEFT RELEASED, DEADLINE RELEASED",
    "TIMED_OUT": "REGISTERED PAIRED",
}


@pytest.mark.parametrize(("state", "signal"), list(product(State, Signal)))
def test_only_the_written_transitions_are_legal(state: State, signal: Signal) -> None:
    legal = dict(pair.split() for pair in LEGAL.get(state, "").split(", ") if pair)
    assert step(state, signal) == legal.get(signal)


def test_active_and_ended_states_share_out_all() -> None:
    assert not ACTIVE & ENDED
    assert set(State) == ACTIVE | ENDED
    assert WAITING < ACTIVE


def test_every_waiting_state_has_a_deadline_that_ends_it() -> None:
    for state in WAITING | {State.RELEASING}:
        assert step(state, Signal.DEADLINE) in ENDED


def held(
    state: State, *, meter: str = "m1", mac: str = MINE, slot: int = 0, minutes: int = 0, code: bytes = CODE
) -> ActiveBind:
    return ActiveBind(f"bnd_{meter}_{mac}", meter, mac, slot, state, code, NOW - timedelta(minutes=minutes))


def ask(mac: str = MINE, *, strict: bool = False, code: bytes = CODE) -> Asked:
    return Asked("m1", mac, code, strict=strict)


def rules(environment: str = "staging", **changed: object) -> Rules:
    return Rules(environment=environment, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_free_meter_and_a_free_device_make_a_new_bind(environment: str) -> None:
    decision = decide_bind([], ask(), rules(environment), NOW)
    assert (decision.verdict, decision.slot) == (Verdict.NEW, 0)


@pytest.mark.parametrize(("environment", "state"), list(product(ENVIRONMENTS, sorted(WAITING))))
def test_c08_the_same_device_on_its_way_is_the_same_request(environment: str, state: State) -> None:
    for strict in (False, True):
        decision = decide_bind([held(state, minutes=14)], ask(strict=strict), rules(environment), NOW)
        assert (decision.verdict, decision.bind) == (Verdict.SAME, held(state, minutes=14))


@pytest.mark.parametrize("state", [State.PENDING, State.JOINING])
def test_c08_the_join_window_opens_again_once_in_15_minutes(state: State) -> None:
    assert decide_bind([held(state, minutes=15)], ask(), rules(), NOW).verdict is Verdict.REARM


def test_c08_a_window_never_opened_is_not_opened_again() -> None:
    assert decide_bind([held(State.REQUESTED, minutes=60)], ask(), rules(), NOW).verdict is Verdict.SAME


@pytest.mark.parametrize(("environment", "state"), list(product(ENVIRONMENTS, sorted(ACTIVE))))
def test_another_device_finds_the_meter_taken_everywhere(environment: str, state: State) -> None:
    decision = decide_bind([held(state)], ask(OTHER), rules(environment, repeat_is_noop=True), NOW)
    assert (decision.verdict, decision.code) == (Verdict.REFUSE, "METER_ALREADY_BOUND")
    assert decision.retry_after == (30 if state is State.RELEASING else None)


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_a_device_bound_to_another_meter_is_refused(state: State) -> None:
    decision = decide_bind([held(state, meter="m2")], ask(), rules(), NOW)
    assert (decision.verdict, decision.code) == (Verdict.REFUSE, "DEVICE_ALREADY_BOUND")
    assert decision.retry_after == (30 if state is State.RELEASING else None)


def test_a_taken_meter_is_told_before_a_taken_device() -> None:
    active = [held(State.PAIRED, meter="m2"), held(State.PAIRED, mac=OTHER)]
    assert decide_bind(active, ask(), rules(), NOW).code == "METER_ALREADY_BOUND"


@pytest.mark.parametrize(
    ("environment", "flag", "strict", "verdict"),
    [
        ("sandbox", None, False, Verdict.NOOP),
        ("staging", None, False, Verdict.NOOP),
        ("production", None, False, Verdict.REFUSE),
        ("sandbox", None, True, Verdict.REFUSE),
        ("staging", None, True, Verdict.REFUSE),
        ("production", None, True, Verdict.REFUSE),
        ("production", True, False, Verdict.NOOP),
        ("production", True, True, Verdict.REFUSE),
        ("staging", False, False, Verdict.REFUSE),
    ],
)
def test_c07_a_paired_device_bound_again(environment: str, flag: bool | None, strict: bool, verdict: Verdict) -> None:
    decision = decide_bind([held(State.PAIRED)], ask(strict=strict), rules(environment, repeat_is_noop=flag), NOW)
    assert decision.verdict is verdict
    assert decision.code == ("METER_ALREADY_BOUND" if verdict is Verdict.REFUSE else "")


@pytest.mark.parametrize("state", sorted(WAITING | {State.PAIRED}))
def test_the_same_address_with_another_code_is_not_the_same_device(state: State) -> None:
    decision = decide_bind([held(state)], ask(code=WRONG), rules(), NOW)
    assert (decision.verdict, decision.code) == (Verdict.REFUSE, "INVALID_INSTALL_CODE")


def test_a_device_that_is_leaving_must_be_gone_first() -> None:
    decision = decide_bind([held(State.RELEASING)], ask(), rules(), NOW)
    assert (decision.code, decision.retry_after) == ("METER_ALREADY_BOUND", 30)


def test_a_meter_with_room_gives_the_lowest_free_place() -> None:
    active = [held(State.PAIRED, mac=OTHER, slot=0), held(State.PENDING, mac="000000000002", slot=2)]
    assert decide_bind(active, ask(), rules(capacity=3), NOW).slot == 1
    assert decide_bind(active, ask(), rules(capacity=2), NOW).code == "METER_ALREADY_BOUND"


@pytest.mark.parametrize("state", sorted(ACTIVE - {State.RELEASING}))
def test_any_device_may_release_the_only_one_on_the_meter(state: State) -> None:
    for mac in (MINE, OTHER, None):
        decision = decide_release([held(state)], mac)
        assert (decision.verdict, decision.bind) == (Verdict.RELEASE, held(state))


def test_releasing_nothing_is_a_noop_and_releasing_twice_is_the_same_request() -> None:
    assert decide_release([], MINE).verdict is Verdict.NOOP
    assert decide_release([held(State.RELEASING)], MINE).verdict is Verdict.SAME


def test_of_several_devices_only_the_named_one_goes() -> None:
    active = [held(State.PAIRED), held(State.PAIRED, mac=OTHER, slot=1)]
    assert decide_release(active, OTHER).bind == active[1]
    assert decide_release(active, "000000000009").verdict is Verdict.NOOP


binds = st.lists(
    st.builds(
        held,
        st.sampled_from(sorted(ACTIVE)),
        meter=st.sampled_from(["m1", "m2"]),
        mac=st.sampled_from([MINE, OTHER, "000000000003"]),
        slot=st.integers(0, 2),
        code=st.sampled_from([CODE, WRONG]),
    ),
    max_size=6,
    unique_by=(lambda bind: (bind.meter_id, bind.slot), lambda bind: bind.mac),
)


@given(binds, st.sampled_from(ENVIRONMENTS), st.integers(1, 3), st.booleans())
def test_a_new_bind_never_takes_a_place_or_a_device_that_is_taken(
    active: list[ActiveBind], environment: str, capacity: int, strict: bool
) -> None:
    decision = decide_bind(active, ask(strict=strict), rules(environment, capacity=capacity), NOW)
    if decision.verdict is Verdict.NEW:
        here = [bind for bind in active if bind.meter_id == "m1"]
        assert len(here) < capacity
        assert decision.slot < capacity
        assert decision.slot not in {bind.slot for bind in here}
        assert MINE not in {bind.mac for bind in active}
    elif decision.verdict is not Verdict.REFUSE:
        assert decision.bind is not None
        assert (decision.bind.meter_id, decision.bind.mac, decision.bind.fingerprint) == ("m1", MINE, CODE)

"""Deliveries against a receiver that fails, hangs, redirects and leaves: all delivered or dead-lettered, in order."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from energygrid.access.caller import Actor
from energygrid.messaging import feed
from energygrid.messaging.events import record
from energygrid.messaging.tables import webhook_delivery
from energygrid.messaging.webhooks import delivery, endpoints, log, queries
from energygrid.messaging.webhooks.queries.rows import is_pending

WHO = Actor("test", "req_1")


def paired(sender: Any, meter: str, step: int = 0) -> str:
    data = {"meterId": meter, "step": step}
    return sender.database.write(record, sender.tenant.id, "bind.paired", data, sender.now)


def test_an_event_arrives_signed(sender: Any, receiver: Any, verify: Callable[..., None]) -> None:
    hook, secret = sender.endpoint(receiver.url)
    event = paired(sender, "7")
    sender.settle(hook)
    assert receiver.accepted[event] == [
        {"type": "bind.paired", "timestamp": "2026-03-01T12:00:00.000Z", "data": {"meterId": "7", "step": 0}}
    ]
    verify(secret, receiver.requests[0])
    found, attempts = sender.database.read(log.delivery, sender.tenant, hook, event)
    assert (found.state, found.attempts) == ("delivered", 1)
    assert [(a.status, a.outcome, a.excerpt) for a in attempts] == [(200, "delivered", "thanks")]


def test_a_receiver_that_fails_a_third_of_the_time_gets_everything_once_and_in_order(
    sender: Any, receiver: Any
) -> None:
    luck = random.Random(7)
    receiver.behave = lambda _n, _headers: (500 if luck.random() < 0.3 else 200, {})
    hook, _ = sender.endpoint(receiver.url)
    for step in range(30):
        for meter in ("a", "b", "c"):
            paired(sender, meter, step)
    sender.settle(hook)
    assert sender.states(hook) == ["delivered"] * 90
    assert all(len(copies) == 1 for copies in receiver.accepted.values())
    arrived = [copies[0]["data"] for copies in receiver.accepted.values()]
    for meter in ("a", "b", "c"):
        assert [d["step"] for d in arrived if d["meterId"] == meter] == list(range(30))
    assert len(receiver.requests) > 90


def test_every_retry_has_the_same_id_and_its_own_time(sender: Any, receiver: Any) -> None:
    receiver.behave = lambda n, _headers: (500 if n < 3 else 200, {})
    hook, _ = sender.endpoint(receiver.url)
    paired(sender, "7")
    sender.settle(hook)
    sent = [r["headers"] for r in receiver.requests]
    assert len({h["webhook-id"] for h in sent}) == 1
    times = [int(h["webhook-timestamp"]) for h in sent]
    assert 5 <= times[1] - times[0] <= 6
    assert 300 <= times[2] - times[1] <= 331


def test_a_receiver_that_hangs_holds_nobody_for_longer_than_the_timeout(sender: Any, receiver: Any) -> None:
    sender.timeout = timedelta(milliseconds=200)
    receiver.behave = lambda n, _headers: (0 if n == 1 else 200, {})
    hook, _ = sender.endpoint(receiver.url)
    event = paired(sender, "7")
    sender.settle(hook)
    _, attempts = sender.database.read(log.delivery, sender.tenant, hook, event)
    assert [a.outcome for a in attempts] == ["timed_out", "delivered"]


def test_a_redirect_is_a_failure_and_is_not_followed(sender: Any, receiver: Any) -> None:
    receiver.behave = lambda n, _headers: (307, {"Location": receiver.url + "/there"}) if n == 1 else (200, {})
    hook, _ = sender.endpoint(receiver.url)
    event = paired(sender, "7")
    sender.settle(hook)
    _, attempts = sender.database.read(log.delivery, sender.tenant, hook, event)
    assert [a.outcome for a in attempts] == ["redirected", "delivered"]


def test_410_disables_the_endpoint_and_dead_letters_what_waits(sender: Any, receiver: Any) -> None:
    receiver.behave = lambda _n, _headers: (410, {})
    hook, _ = sender.endpoint(receiver.url)
    for step in range(3):
        paired(sender, "7", step)
    sender.settle(hook)
    assert sender.states(hook) == ["dead"] * 3
    assert len(receiver.requests) == 1
    endpoint = sender.database.read(endpoints.get, sender.tenant, hook)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "GONE")
    last = sender.database.write(feed.events_after, sender.tenant, 0)[-1]
    assert (last.type, last.data["reason"]) == ("webhook.disabled", "GONE")


def test_an_endpoint_that_never_answers_is_disabled_after_the_last_attempt(sender: Any, receiver: Any) -> None:
    receiver.behave = lambda _n, _headers: (500, {})
    hook, _ = sender.endpoint(receiver.url)
    paired(sender, "7")
    began = sender.now
    sender.settle(hook)
    assert sender.states(hook) == ["dead"]
    assert len(receiver.requests) == 10
    assert timedelta(hours=75) < sender.now - began < timedelta(hours=84)
    assert sender.database.read(endpoints.get, sender.tenant, hook).disabled_reason == "EXHAUSTED"


def test_one_event_that_the_receiver_cannot_digest_stops_only_itself(sender: Any, receiver: Any) -> None:
    hook, _ = sender.endpoint(receiver.url)
    poison = paired(sender, "7")
    receiver.behave = lambda _n, headers: (400 if headers["webhook-id"] == poison else 200, {})
    sender.fan_out()
    for _ in range(12):
        paired(sender, "8")
        sender.fan_out()
        sender.deliver(hook)
        sender.now += timedelta(hours=27)
    assert sender.states(hook) == ["dead"] + ["delivered"] * 12
    assert sender.database.read(endpoints.get, sender.tenant, hook).enabled


def test_429_holds_back_the_whole_endpoint(sender: Any, receiver: Any) -> None:
    receiver.behave = lambda n, _headers: (429, {"Retry-After": "600"}) if n == 1 else (200, {})
    hook, _ = sender.endpoint(receiver.url)
    paired(sender, "7")
    sender.fan_out()
    sender.deliver(hook)
    paired(sender, "8")
    sender.fan_out()
    sender.now += timedelta(seconds=599)
    sender.deliver(hook)
    assert len(receiver.requests) == 1
    sender.now += timedelta(seconds=2)
    sender.deliver(hook)
    assert sender.states(hook) == ["delivered", "delivered"]


def test_an_endpoint_gets_only_the_types_it_asked_for_and_only_from_its_creation_on(sender: Any, receiver: Any) -> None:
    paired(sender, "before")
    hook, _ = sender.endpoint(receiver.url, ("bind.paired",))
    sender.database.write(record, sender.tenant.id, "customer.synced", {"clientId": "1"}, sender.now)
    paired(sender, "after")
    sender.settle(hook)
    assert [copies[0]["data"]["meterId"] for copies in receiver.accepted.values()] == ["after"]


def test_a_private_address_is_refused_at_every_attempt(sender: Any) -> None:
    """Registration checked it once; the name may point elsewhere by now (contracts/powerbox.md 5.8)."""
    hook, _ = sender.endpoint("https://169.254.169.254/latest")
    event = paired(sender, "7")
    sender.fan_out()
    sender.deliver(hook)
    _, attempts = sender.database.read(log.delivery, sender.tenant, hook, event)
    assert [a.outcome for a in attempts] == ["forbidden"]


def test_a_process_killed_between_sending_and_settling_sends_again(sender: Any, receiver: Any) -> None:
    hook, _ = sender.endpoint(receiver.url)
    paired(sender, "7")
    sender.fan_out()
    taken = sender.database.write(queries.claim, sender.tenant.id, hook, sender.now, sender.now + delivery.LEASE, 10)
    assert len(taken) == 1  # and the process dies
    sender.deliver(hook)
    assert receiver.requests == []
    sender.now += delivery.LEASE
    sender.database.write(delivery.sweep, sender.now)
    sender.deliver(hook)
    assert sender.states(hook) == ["delivered"]


def test_when_no_worker_lives_what_was_under_way_is_due_at_once(sender: Any, receiver: Any) -> None:
    hook, _ = sender.endpoint(receiver.url)
    paired(sender, "7")
    sender.fan_out()
    sender.database.write(queries.claim, sender.tenant.id, hook, sender.now, sender.now + delivery.LEASE, 10)
    sender.database.write(delivery.forget_leases)
    sender.deliver(hook)
    assert sender.states(hook) == ["delivered"]


def test_a_plan_that_is_kept_for_any_parameter_may_use_the_partial_indexes() -> None:
    """With the state as a parameter it could not, and a backlog of thousands was read again for each of its entries."""
    said = is_pending().compile(dialect=postgresql.dialect(), compile_kwargs={"render_postcompile": True})
    indexes = [each for each in webhook_delivery.indexes if each.dialect_options["postgresql"]["where"] is not None]
    assert len(indexes) == 2
    for index in indexes:
        assert str(said).removeprefix("webhook_delivery.") == str(index.dialect_options["postgresql"]["where"])


def test_replay_sends_one_event_or_a_range_again(sender: Any, receiver: Any) -> None:
    hook, _ = sender.endpoint(receiver.url)
    ids = [paired(sender, "7", step) for step in range(3)]
    began = sender.now
    sender.settle(hook)
    sender.database.write(log.replay_one, sender.tenant, hook, ids[1], who=WHO, now=sender.now)
    sender.settle(hook)
    assert [len(receiver.accepted[i]) for i in ids] == [1, 2, 1]
    span = {"start": began, "end": began + timedelta(days=1)}
    again = sender.database.write(
        log.replay_range, sender.tenant, hook, **span, dead_only=False, who=WHO, now=sender.now
    )
    sender.settle(hook)
    assert again == 3
    assert [len(receiver.accepted[i]) for i in ids] == [2, 3, 2]
    none = sender.database.write(log.replay_range, sender.tenant, hook, **span, dead_only=True, who=WHO, now=sender.now)
    assert none == 0


def test_after_410_the_owner_enables_and_replays_the_dead(sender: Any, receiver: Any) -> None:
    receiver.behave = lambda _n, _headers: (410, {})
    hook, _ = sender.endpoint(receiver.url, ("bind.paired",))
    began = sender.now
    for step in range(4):
        paired(sender, "7", step)
    sender.settle(hook)
    receiver.behave = lambda _n, _headers: (200, {})
    wanted = {"url": receiver.url, "description": "", "types": ("bind.paired",), "enabled": True}
    sender.database.write(endpoints.change, sender.tenant, hook, **wanted, who=WHO, now=sender.now)
    count = sender.database.write(
        log.replay_range,
        sender.tenant,
        hook,
        start=began,
        end=sender.now + timedelta(hours=1),
        dead_only=True,
        who=WHO,
        now=sender.now,
    )
    sender.settle(hook)
    assert count == 4
    assert [c[0]["data"]["step"] for c in receiver.accepted.values()] == [0, 1, 2, 3]


def test_a_test_call_reaches_only_its_endpoint_and_no_feed(sender: Any, receiver: Any) -> None:
    hook, _ = sender.endpoint(receiver.url)
    other, _ = sender.endpoint(receiver.url)
    event = sender.database.write(endpoints.call_for_test, sender.tenant, hook, who=WHO, now=sender.now)
    sender.settle(hook)
    sender.settle(other)
    assert len(receiver.accepted[event]) == 1
    assert sender.database.write(feed.events_after, sender.tenant, 0) == []


def test_a_rotated_secret_is_live_together_with_the_old_one_for_a_day(
    sender: Any, receiver: Any, verify: Callable[..., None]
) -> None:
    hook, old = sender.endpoint(receiver.url)
    new, until = sender.database.write(
        endpoints.rotate_secret, sender.tenant, sender.vault, hook, who=WHO, now=sender.now
    )
    paired(sender, "7")
    sender.settle(hook)
    verify(old, receiver.requests[0])
    verify(new, receiver.requests[0])
    sender.now = until
    paired(sender, "7")
    sender.settle(hook)
    verify(new, receiver.requests[1])
    with pytest.raises(AssertionError):
        verify(old, receiver.requests[1])


def test_the_secret_is_sealed_at_rest(sender: Any, receiver: Any) -> None:
    _, secret = sender.endpoint(receiver.url)
    stored = sender.database.read(lambda db: db.execute(text("SELECT secret FROM webhook_endpoint")).scalar_one())
    assert secret.encode() not in bytes(stored)


def test_events_past_their_retention_are_forgotten_with_their_deliveries(sender: Any, receiver: Any) -> None:
    hook, _ = sender.endpoint(receiver.url)
    paired(sender, "7")
    sender.settle(hook)
    assert sender.database.write(delivery.prune, sender.now + timedelta(days=91)) == 1
    assert sender.states(hook) == []


def test_the_worker_delivers(sender: Any, receiver: Any, run_jobs: Callable[[], None]) -> None:
    """Through the real queue: record, fan-out job, delivery job; a sandbox may reach this machine."""
    sender.endpoint(receiver.url)
    event = paired(sender, "7")
    run_jobs()  # fans out, and may leave before the delivery that this defers
    run_jobs()
    assert len(receiver.accepted[event]) == 1

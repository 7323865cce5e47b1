"""Flexibility on the common delivery: its waits, its order by resource, what becomes of a broken endpoint."""

import json
import random
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from energygrid.access import tenants
from energygrid.access.caller import Actor
from energygrid.errors import Invalid
from energygrid.flexibility import messages
from energygrid.messaging import feed
from energygrid.messaging.events import FLEX
from energygrid.messaging.settings import FaultSettings
from energygrid.messaging.webhooks import endpoints, faults, log, queries

WHO = Actor("test", "req_1")


@pytest.fixture
def hook(sender: Any, receiver: Any) -> str:
    made: str = sender.endpoint(receiver.url, ("EVENT.STARTED", "EVENT.STATS_READY"), FLEX)[0]
    return made


def told(sender: Any, event: UUID, revision: int = 1) -> str:
    message = messages.stats_ready(event, "ENDED", revision)
    uuid: str = sender.database.write(messages.tell, sender.tenant.id, message, sender.now)
    return uuid


def set_faults(sender: Any, **values: float) -> None:
    sender.tenant = sender.database.write(
        faults.set_faults, sender.tenant, FaultSettings(**values), who=WHO, now=sender.now
    )


def outcomes(sender: Any, hook: str, event_id: str) -> list[str]:
    _, attempts = sender.database.read(log.delivery, sender.tenant, hook, event_id, surface=FLEX)
    return [attempt.outcome for attempt in attempts]


def test_the_uuid_of_the_body_is_the_messages_everywhere(sender: Any, receiver: Any, hook: str) -> None:
    uuid = told(sender, uuid4())
    sender.settle(hook)
    sent = receiver.requests[0]
    assert json.loads(sent["body"])["uuid"] == sent["headers"]["webhook-id"] == uuid
    assert [each.id for each in sender.database.write(feed.events_after, sender.tenant, 0, surface=FLEX)] == [uuid]
    assert UUID(hook).version == 4


def test_order_is_kept_for_each_resource_while_a_third_of_the_attempts_fail(
    sender: Any, receiver: Any, hook: str
) -> None:
    luck = random.Random(3)
    receiver.behave = lambda _n, _headers: (luck.choice([200] * 7 + [500, 302, 404]), {})
    resources = [uuid4() for _ in range(4)]
    for revision in range(8):
        for resource in resources:
            told(sender, resource, revision)
    sender.settle(hook)
    assert sender.states(hook) == ["delivered"] * 32
    data = [copies[0]["data"] for copies in receiver.accepted.values()]
    for resource in resources:
        assert [each["revision"] for each in data if each["uuid"] == str(resource)] == list(range(8))


def test_the_bytes_stay_the_same_over_all_attempts(sender: Any, receiver: Any, hook: str) -> None:
    receiver.behave = lambda n, _headers: (500 if n < 4 else 200, {})
    told(sender, uuid4())
    sender.settle(hook)
    assert len({request["body"] for request in receiver.requests}) == 1
    times = [int(request["headers"]["webhook-timestamp"]) for request in receiver.requests]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert 10 <= waits[0] <= 12
    assert 60 <= waits[1] <= 67
    assert 300 <= waits[2] <= 331


def test_after_three_days_without_success_the_endpoint_is_broken_and_others_are_told(
    sender: Any, receiver: Any, hook: str
) -> None:
    receiver.behave = lambda _n, _headers: (500, {})
    told(sender, uuid4())
    began = sender.now
    sender.settle(hook)
    assert sender.now - began > timedelta(days=3)
    assert sender.states(hook) == ["dead"]
    endpoint = sender.database.read(endpoints.get, sender.tenant, hook, surface=FLEX)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "EXHAUSTED")
    alert = sender.database.write(feed.events_after, sender.tenant, 0, surface=FLEX)[-1]
    assert (alert.type, alert.data["uuid"], alert.data["reason"]) == ("WEBHOOK.BROKEN", hook, "EXHAUSTED")


def test_an_endpoint_is_enabled_again_and_gets_what_it_missed(sender: Any, receiver: Any, hook: str) -> None:
    receiver.behave = lambda _n, _headers: (410, {})
    began, resource = sender.now, uuid4()
    for revision in range(3):
        told(sender, resource, revision)
    sender.settle(hook)
    told(sender, resource, 3)  # nobody listens
    receiver.behave = lambda _n, _headers: (200, {})
    sender.database.write(endpoints.enable, sender.tenant, hook, who=WHO, now=sender.now, surface=FLEX)
    span = {"start": began, "end": sender.now + timedelta(hours=1), "dead_only": True}
    again = sender.database.write(log.replay_range, sender.tenant, hook, **span, who=WHO, now=sender.now, surface=FLEX)
    sender.settle(hook)
    assert again == 4
    assert [copies[0]["data"]["revision"] for copies in receiver.accepted.values()] == [0, 1, 2, 3]


def test_two_kilobytes_of_an_answer_are_kept(sender: Any, receiver: Any, hook: str) -> None:
    receiver.reply = b"\x00" + "é".encode() * 4000
    uuid = told(sender, uuid4())
    sender.settle(hook)
    _, attempts = sender.database.read(log.delivery, sender.tenant, hook, uuid, surface=FLEX)
    assert attempts[0].excerpt == " " + "é" * 2047


def test_a_sandbox_drops_messages_and_tries_them_again(sender: Any, receiver: Any, hook: str) -> None:
    set_faults(sender, drop=1)
    uuid = told(sender, uuid4())
    sender.fan_out()
    sender.deliver(hook)
    assert receiver.requests == []
    set_faults(sender, drop=0)
    sender.settle(hook)
    assert outcomes(sender, hook, uuid) == ["dropped", "delivered"]


def test_a_sandbox_doubles_messages(sender: Any, receiver: Any, hook: str) -> None:
    set_faults(sender, duplicate=1)
    uuid = told(sender, uuid4())
    sender.settle(hook)
    assert [request["headers"]["webhook-id"] for request in receiver.requests] == [uuid, uuid]
    assert outcomes(sender, hook, uuid) == ["delivered", "delivered"]


def test_a_copy_that_fails_changes_nothing(sender: Any, receiver: Any, hook: str) -> None:
    set_faults(sender, duplicate=1)
    receiver.behave = lambda n, _headers: (200 if n == 1 else 410, {})
    uuid = told(sender, uuid4())
    sender.settle(hook)
    assert outcomes(sender, hook, uuid) == ["delivered", "gone"]
    assert sender.database.read(endpoints.get, sender.tenant, hook, surface=FLEX).enabled


def test_a_sandbox_delays_messages(sender: Any, receiver: Any, hook: str) -> None:
    set_faults(sender, delay_s=90)
    told(sender, uuid4())
    sender.fan_out()
    sender.now += timedelta(seconds=89)
    sender.deliver(hook)
    assert receiver.requests == []
    sender.now += timedelta(seconds=1)
    sender.deliver(hook)
    assert len(receiver.requests) == 1


def test_faults_are_refused_outside_a_sandbox_and_ignored_if_they_are_set_all_the_same(sender: Any) -> None:
    production = sender.database.write(
        tenants.create_tenant,
        "real",
        environment="production",
        now=sender.now,
        settings={"webhook_faults": {"drop": 1}},
    )
    assert faults.faults_of(production) == FaultSettings()
    with pytest.raises(Invalid, match="only a sandbox"):
        sender.database.write(faults.set_faults, production, FaultSettings(drop=1), who=WHO, now=sender.now)


def test_an_endpoint_made_while_events_wait_leaves_no_older_endpoint_waiting(
    sender: Any, receiver: Any, hook: str
) -> None:
    """Making one fans out what happened before; who gets it is woken then, not by the next sweep."""
    told(sender, uuid4())
    sender.endpoint(receiver.url, (), FLEX)
    assert sender.database.read(queries.next_due, sender.tenant.id, hook) is not None
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'messaging.deliver'"
    assert sender.database.read(lambda db: db.exec_driver_sql(jobs).scalar_one()) == 1

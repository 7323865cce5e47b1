"""Shapes of the eleven webhook types, as contracts/flexibility.md 1.8 gives them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from energygrid.access.caller import Tenant
from energygrid.flexibility import messages
from energygrid.flexibility.messages import Message, SchemeAsset
from energygrid.messaging import exact
from energygrid.messaging.events import FLEX, FLEX_TYPES, record

NOW = datetime(2026, 1, 14, 16, 5, tzinfo=UTC)
EVENT, OTHER = UUID("22222222-2222-4222-8222-222222222222"), UUID("33333333-3333-4333-8333-333333333333")


def scheduled(**changes: Any) -> Message:
    facts: dict[str, Any] = {
        "name": "Evening peak",
        "type": "TURN_DOWN",
        "start": datetime(2026, 1, 15, 17, tzinfo=UTC),
        "end": datetime(2026, 1, 15, 18, tzinfo=UTC),
        "opt_in_required": True,
        "incentive": Decimal("2.25"),
        "incentive_type": "PER_KWH",
        "eligibility": {},
    }
    return messages.event_scheduled(EVENT, **(facts | changes))


def test_a_scheduled_event_tells_all_of_itself() -> None:
    assert exact.dumps(scheduled().data).decode() == (
        '{"uuid":"22222222-2222-4222-8222-222222222222","name":"Evening peak","type":"TURN_DOWN","status":"SCHEDULED",'
        '"startDateTime":"2026-01-15T17:00:00.000Z","endDateTime":"2026-01-15T18:00:00.000Z",'
        '"optInRequired":true,"incentive":"2.25","incentiveType":"PER_KWH","eligibility":{}}'
    )


def test_instants_are_utc_and_decimals_have_no_exponent() -> None:
    summer = datetime(2026, 7, 1, 18, tzinfo=timezone(timedelta(hours=1)))
    data = scheduled(start=summer, incentive=Decimal("1E+1")).data
    assert (data["startDateTime"], data["incentive"]) == ("2026-07-01T17:00:00.000Z", "10")


@pytest.mark.parametrize(
    ("message", "type_", "data"),
    [
        (messages.event_started(EVENT), "EVENT.STARTED", {"status": "STARTED"}),
        (messages.event_ended(EVENT), "EVENT.ENDED", {"status": "ENDED"}),
        (messages.event_cancelled(EVENT), "EVENT.CANCELLED", {"status": "CANCELLED"}),
        (
            messages.stats_calculation_started(EVENT, "ENDED"),
            "EVENT.STATS_CALCULATION_STARTED",
            {"status": "ENDED"},
        ),
        (messages.stats_ready(EVENT, "ENDED", 2), "EVENT.STATS_READY", {"status": "ENDED", "revision": 2}),
        (
            messages.baselines_ready(EVENT, "SCHEDULED", 1),
            "EVENT.BASELINES_READY",
            {"status": "SCHEDULED", "revision": 1},
        ),
    ],
)
def test_messages_on_an_events_course_share_one_shape(message: Message, type_: str, data: dict[str, Any]) -> None:
    assert (message.type, message.subject, message.data) == (type_, EVENT, {"uuid": str(EVENT), **data})


def test_a_portfolio_and_an_mpan() -> None:
    assigned = messages.event_portfolio_assigned(EVENT, OTHER)
    assert assigned.data == {"uuid": str(EVENT), "portfolioUUID": str(OTHER)}
    wrong = messages.asset_mpan_validated(OTHER, asset_id="a-1", mpan="123", valid=False, reason="too short")
    expected = {"uuid": str(OTHER), "assetId": "a-1", "mpan": "123", "valid": False, "reason": "too short"}
    assert (wrong.subject, wrong.data) == (OTHER, expected)


@pytest.mark.parametrize(("assets", "parts"), [(0, []), (1, [1]), (1000, [1000]), (2001, [1000, 1000, 1])])
def test_a_message_lists_a_thousand_assets_at_most(assets: int, parts: list[int]) -> None:
    uuids = [uuid4() for _ in range(assets)]
    updated = messages.scheme_assets_updated(EVENT, (SchemeAsset(each, "a", "READY") for each in uuids))
    assigned = messages.portfolio_assets_assigned(EVENT, uuids)
    assert [len(message.data["assets"]) for message in updated] == parts  # type: ignore[arg-type]
    assert [each for message in assigned for each in message.data["assetUUIDs"]] == [str(u) for u in uuids]  # type: ignore[attr-defined]
    if updated:
        assert updated[0].data["assets"][0] == {"uuid": str(uuids[0]), "assetId": "a", "status": "READY"}  # type: ignore[index]


def test_there_is_an_example_of_each_type() -> None:
    assert set(messages.examples()) == set(FLEX_TYPES)


def test_what_is_told_has_its_resource_as_subject_and_is_told_once_a_key(db: Connection, tenant: Tenant) -> None:
    first = messages.tell(db, tenant.id, messages.event_started(EVENT), NOW, key=f"{EVENT}:STARTED")
    again = messages.tell(db, tenant.id, messages.event_started(EVENT), NOW, key=f"{EVENT}:STARTED")
    row = db.execute(text("SELECT * FROM outbox_event")).one()
    assert first == again == row.id
    assert (row.surface, row.type, row.subject, UUID(row.id).version) == ("flex", "EVENT.STARTED", str(EVENT), 4)


def test_a_float_is_refused_where_it_is_told(db: Connection, tenant: Tenant) -> None:
    with pytest.raises(TypeError, match="send it as text"):
        record(db, tenant.id, "EVENT.STATS_READY", {"uuid": "x", "energySaved": 1.0}, NOW, surface=FLEX)

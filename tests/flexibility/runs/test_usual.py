"""Baselines of half-hours apart from any event."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.flexibility.runs.conftest import EVENT_DAY, STARTS, Fleet

from energygrid.errors import Invalid, NotFound
from energygrid.flexibility.runs import usual

FIVE = int(STARTS.timestamp())
MIDNIGHT = int(datetime(2026, 1, 15, tzinfo=UTC).timestamp())
DAY = 86_400


def test_the_golden_vector_without_its_adjustment(fleet: Fleet, history: list[date]) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], [*history, EVENT_DAY])
    fleet.event([asset], starts_at=STARTS - timedelta(days=2))
    found = usual.between(fleet.db, fleet.tenant, asset, FIVE, FIVE + 3600)
    assert [(each.start, each.kwh) for each in found] == [
        (FIVE, Decimal("0.598000")),
        (FIVE + 1800, Decimal("0.603000")),
    ]
    assert usual.at(fleet.db, fleet.tenant, asset, FIVE + 1799) == found[0]
    assert usual.at(fleet.db, fleet.tenant, asset, FIVE + 1800) == found[1]


def test_a_half_hour_is_the_same_in_any_span_and_whatever_its_own_day_used(fleet: Fleet, history: list[date]) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history)
    week = usual.between(fleet.db, fleet.tenant, asset, MIDNIGHT - 5 * DAY, MIDNIGHT + DAY)
    assert len(week) == 6 * 48
    fleet.write([asset], [EVENT_DAY], value=lambda *_: 7.0)
    assert usual.between(fleet.db, fleet.tenant, asset, FIVE, FIVE + 3600) == [
        each for each in week if FIVE <= each.start < FIVE + 3600
    ]


def test_a_day_without_enough_days_before_it_is_left_out_and_says_why(fleet: Fleet, history: list[date]) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history[:12])
    second, late = history[1], history[14]
    span = [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in (second, late)]
    assert usual.between(fleet.db, fleet.tenant, asset, span[0], span[0] + DAY) == []
    assert len(usual.between(fleet.db, fleet.tenant, asset, span[1], span[1] + DAY)) == 48
    with pytest.raises(NotFound) as refused:
        usual.at(fleet.db, fleet.tenant, asset, span[0])
    assert refused.value.code == "NO_BASELINE"
    assert "1 have readings" in refused.value.message


def test_a_local_day_with_a_repeated_hour_has_fifty_half_hours(fleet: Fleet) -> None:
    (asset,) = fleet.add(1)
    days = [date(2025, 9, 1) + timedelta(days=n) for n in range(60)]
    fleet.write([asset], days)
    start = int(datetime(2025, 10, 25, 23, tzinfo=UTC).timestamp())
    found = usual.between(fleet.db, fleet.tenant, asset, start, start + 25 * 3600)
    assert [each.start for each in found] == list(range(start, start + 25 * 3600, 1800))
    assert [each.kwh for each in found[2:4]] == [each.kwh for each in found[4:6]]


@pytest.mark.parametrize("name", ["PJM_SAME_DAY", "NOMINATED"])
def test_rule_sets_of_events_alone_give_none(fleet: Fleet, history: list[date], name: str) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history)
    tenant = replace(fleet.tenant, settings={"flexibility": {"rule_sets": [name]}}, _sections={})
    assert usual.between(fleet.db, tenant, asset, FIVE, FIVE + 3600) == []
    with pytest.raises(NotFound, match="of events only"):
        usual.at(fleet.db, tenant, asset, FIVE)


@pytest.mark.parametrize(("length", "code"), [(0, "EMPTY_SPAN"), (-1, "EMPTY_SPAN"), (7 * DAY + 1, "SPAN_TOO_LONG")])
def test_a_span_is_not_empty_and_at_most_a_week(fleet: Fleet, length: int, code: str) -> None:
    (asset,) = fleet.add(1)
    with pytest.raises(Invalid) as refused:
        usual.between(fleet.db, fleet.tenant, asset, FIVE, FIVE + length)
    assert refused.value.code == code

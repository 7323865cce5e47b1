"""Billing schedules: what refuses one and what is only warned of (contracts/powerbox.md P-6, C30)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from energygrid.access.caller import Actor, Tenant
from energygrid.billing import sandbox, schedules, tariffs
from energygrid.billing.cycles import Cycle, Period, check
from energygrid.errors import Invalid, NotFound

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = Actor("test", "req_1")


def period(number: int, first: str, last: str) -> Period:
    return Period(str(number), date.fromisoformat(first), date.fromisoformat(last) + timedelta(days=1))


PUBLISHED = [
    period(number, first, last)
    for number, (first, last) in enumerate(
        [
            ("2024-12-03", "2025-01-02"),
            ("2025-01-03", "2025-01-30"),
            ("2025-01-31", "2025-03-03"),
            ("2025-03-04", "2025-04-01"),
            ("2025-04-02", "2025-05-01"),
            ("2025-05-02", "2025-06-02"),
            ("2025-06-03", "2025-07-02"),
            ("2025-07-03", "2025-08-01"),
            ("2025-08-02", "2025-09-02"),
            ("2025-09-03", "2025-10-01"),
            ("2025-10-02", "2025-10-30"),
            ("2025-10-31", "2025-12-02"),
        ],
        1,
    )
]
"""Cycle 1 as the Integration Guide prints it."""


def test_the_published_schedule_is_one_whole_year_without_a_complaint() -> None:
    assert [each.days for each in PUBLISHED] == [31, 28, 32, 29, 30, 32, 30, 30, 32, 29, 29, 33]
    assert {each.billing_year for each in PUBLISHED} == {2025}
    assert check(PUBLISHED, is_bimonthly=False) == []


def test_overlaps_and_reversed_periods_are_errors() -> None:
    twice = [PUBLISHED[0], period(2, "2025-01-02", "2025-01-30")]
    assert [(f.severity, f.code) for f in check(twice, is_bimonthly=False)] == [("error", "PERIODS_OVERLAP")]
    back = [period(1, "2025-01-31", "2025-01-03")]
    assert [f.code for f in check(back, is_bimonthly=False)] == ["PERIOD_ENDS_BEFORE_START"]


def test_holes_and_unusual_lengths_are_warnings() -> None:
    found = check([PUBLISHED[0], period(2, "2025-01-04", "2025-01-20")], is_bimonthly=False)
    assert [(f.severity, f.code) for f in found] == [
        ("warning", "PERIODS_NOT_CONTIGUOUS"),
        ("warning", "UNUSUAL_LENGTH"),
    ]


@pytest.mark.parametrize(
    ("days", "bimonthly", "usual"),
    [(24, False, False), (25, False, True), (35, False, True), (36, False, False), (55, True, True), (67, True, False)],
)
def test_usual_lengths(days: int, bimonthly: bool, usual: bool) -> None:
    one = [Period("1", date(2025, 1, 1), date(2025, 1, 1) + timedelta(days=days))]
    assert (check(one, is_bimonthly=bimonthly) == []) is usual


@given(st.permutations(PUBLISHED))
def test_the_order_in_which_periods_come_does_not_matter(periods: list[Period]) -> None:
    assert check(periods, is_bimonthly=False) == []


def test_a_refused_schedule_changes_nothing(db: Connection, tenant: Tenant) -> None:
    schedules.put_cycle(db, tenant, Cycle("A-7", "", False, tuple(PUBLISHED)), who=WHO, now=NOW)
    twice = (PUBLISHED[0], PUBLISHED[0])
    with pytest.raises(Invalid) as error:
        schedules.put_cycle(db, tenant, Cycle("A-7", "", False, twice), who=WHO, now=NOW)
    assert error.value.code == "INVALID_PAYLOAD"
    assert schedules.get_cycle(db, tenant, "A-7").periods == tuple(PUBLISHED)


def test_a_day_finds_its_period(db: Connection, tenant: Tenant) -> None:
    schedules.put_cycle(db, tenant, Cycle("1", "", False, tuple(PUBLISHED)), who=WHO, now=NOW)
    for day, number in ((date(2025, 1, 2), "1"), (date(2025, 1, 3), "2"), (date(2025, 12, 2), "12")):
        found = schedules.period_of(db, tenant, "1", day)
        assert found is not None
        assert found.period_id == number
    assert schedules.period_of(db, tenant, "1", date(2025, 12, 3)) is None
    with pytest.raises(NotFound):
        schedules.get_cycle(db, tenant, "2")


def test_the_sandbox_has_complete_rates_and_the_published_cycle_and_loads_once(db: Connection, tenant: Tenant) -> None:
    def audited() -> int:
        return db.execute(text("SELECT count(*) FROM audit_log")).scalar_one()

    sandbox.load_fixtures(db, tenant, NOW)
    before = audited()
    sandbox.load_fixtures(db, tenant, NOW)
    assert audited() == before
    cycle = schedules.get_cycle(db, tenant, "1")
    assert cycle.periods[:12] == tuple(PUBLISHED)
    assert check(cycle.periods, is_bimonthly=False) == []
    assert schedules.period_of(db, tenant, "1", NOW.date()) is not None
    for code in ("RES1", "RES2", "GAS1"):
        (version,) = tariffs.versions(db, tenant, code)
        assert version.status == "complete"

"""The hours of a time-of-use rate are covered exactly once, or the hole is named (contracts/powerbox.md C27, P-7)."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from energygrid.billing.coverage import GAP, check, day_types, price_table
from energygrid.billing.rates import DayType, Rate
from energygrid.metering.calendar import day_number

WEEKDAYS = ["WEEKDAY"]
FREE_DAYS = ["WEEKEND", "HOLIDAY"]


def row(name: str, amount: str, start: int, end: int, types: list[str], **season: str) -> dict[str, Any]:
    return {"name": name, "amount": amount, "startHour": start, "endHour": end, "dayTypes": types, **season}


def tou(*rows: dict[str, Any], **more: Any) -> Rate:
    body = {"type": "TOU", "validFrom": "2025-06-01", "validTo": "2025-09-30", "tou": list(rows), **more}
    return Rate.model_validate(body)


SEASON = {"rateStart": "2025-06-01", "rateEnd": "2025-09-30"}
PUBLISHED = json.loads(Path(__file__).with_name("published_tou.json").read_text())
"""The Integration Guide's summer schedule, as it stands there (contracts/powerbox.md 1.7)."""


def test_the_published_sample_leaves_19_to_23_on_weekdays_without_a_price() -> None:
    (hole,) = check(tou(*PUBLISHED))
    assert (hole.code, hole.day_type, hole.start_hour, hole.end_hour) == ("TOU_GAP", DayType.WEEKDAY, 19, 23)
    assert (hole.first_date, hole.last_date) == (date(2025, 6, 2), date(2025, 9, 30))
    # June to September 2025 has 122 days, 35 of them on weekends
    assert hole.days == 122 - 35


def test_with_the_hole_closed_the_rate_is_complete() -> None:
    assert check(tou(*PUBLISHED, row("Mid-Peak M-F", "0.0922", 19, 23, WEEKDAYS, **SEASON))) == []


def test_an_hour_with_two_prices_is_an_overlap() -> None:
    closed = row("Mid-Peak M-F", "0.0922", 18, 23, WEEKDAYS, **SEASON)
    (twice,) = check(tou(*PUBLISHED, closed))
    assert (twice.code, twice.start_hour, twice.end_hour) == ("TOU_OVERLAP", 18, 19)


def test_an_open_rate_whose_season_ends_has_a_gap_from_then_on() -> None:
    summer = row("All day", "0.1", 0, 24, [*WEEKDAYS, *FREE_DAYS], **SEASON)
    gaps = check(tou(summer, validTo=None))
    assert {gap.code for gap in gaps} == {"TOU_GAP"}
    assert min(gap.first_date for gap in gaps) == date(2025, 10, 1)


def test_seasons_without_a_year_come_back_and_run_over_new_year() -> None:
    winter = row("Winter", "0.1", 0, 24, [*WEEKDAYS, *FREE_DAYS], rateStart="10-01", rateEnd="05-31")
    summer = row("Summer", "0.2", 0, 24, [*WEEKDAYS, *FREE_DAYS], rateStart="06-01", rateEnd="09-30")
    rate = tou(winter, summer, validTo="2029-12-31")
    assert check(rate) == []
    days = np.array([day_number(date(2028, *md)) for md in ((2, 29), (5, 31), (6, 1), (9, 30), (10, 1))])
    assert price_table(rate, days)[:, 12].tolist() == [0, 0, 1, 1, 0]


def test_an_end_before_the_start_runs_over_midnight() -> None:
    night = row("Night", "0.1", 22, 6, [*WEEKDAYS, *FREE_DAYS])
    day = row("Day", "0.2", 6, 22, [*WEEKDAYS, *FREE_DAYS])
    assert check(tou(night, day)) == []


def test_a_holiday_is_neither_weekday_nor_weekend() -> None:
    friday, saturday, monday = (day_number(date(2025, 7, d)) for d in (4, 5, 7))
    types = day_types(np.array([friday, saturday, monday]), [date(2025, 7, 4), date(2025, 7, 5)])
    assert [list(DayType)[t] for t in types] == [DayType.HOLIDAY, DayType.HOLIDAY, DayType.WEEKDAY]


@given(st.lists(st.integers(0, 23), min_size=1, max_size=6, unique=True))
def test_any_cut_of_the_day_into_consecutive_rows_is_complete(cuts: list[int]) -> None:
    edges = sorted(cuts)
    ends = [*edges[1:], edges[0]] if len(edges) > 1 else []
    rows = [row(f"r{a}", "0.1", a, b or 24, [*WEEKDAYS, *FREE_DAYS]) for a, b in zip(edges, ends, strict=False)]
    if not rows:
        rows = [row("all", "0.1", 0, 24, [*WEEKDAYS, *FREE_DAYS])]
    assert check(tou(*rows)) == []
    first = tou(*rows[1:]) if len(rows) > 1 else None
    if first is not None:
        lost = sum(f.end_hour - f.start_hour for f in check(first) if f.day_type is DayType.WEEKDAY)
        assert lost == len(tou(rows[0]).tou[0].hours)


def test_the_table_marks_gaps_with_a_negative_number() -> None:
    table = price_table(tou(*PUBLISHED), np.array([day_number(date(2025, 6, 2))]))
    assert table[0, 19:23].tolist() == [GAP] * 4


@pytest.mark.parametrize(
    "change",
    [
        {"tou": [row("x", "0.1", 7, 7, WEEKDAYS)]},
        {"tou": [row("x", "1e-3", 0, 24, WEEKDAYS)]},
        {"tou": [{**row("x", "0.1", 0, 24, WEEKDAYS), "amount": 0.1}]},
        {"tou": [row("x", "0.1", 0, 25, WEEKDAYS)]},
        {"tou": [row("x", "0.1", 0, 24, WEEKDAYS, rateStart="2025-02-30", rateEnd="2025-03-01")]},
        {"tou": [row("x", "0.1", 0, 24, WEEKDAYS, rateStart="2025-02-01", rateEnd="03-01")]},
        {"tou": [row("x", "0.1", 0, 24, WEEKDAYS, rateStart="2025-02-01")]},
        {"tou": []},
        {"flatAmount": "0.1"},
        {"type": "FLAT"},
        {"validTo": "2025-05-31"},
        {"currency": "usd"},
        {"type": "TIERED", "tou": [], "tiers": [{"dailyAllowance": "10", "amount": "0.1"}]},
        {
            "type": "TIERED",
            "tou": [],
            "tiers": [
                {"dailyAllowance": "10", "amount": "0.1"},
                {"dailyAllowance": "9", "amount": "0.2"},
                {"amount": "0.3"},
            ],
        },
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    body: dict[str, Any] = {"type": "TOU", "validFrom": "2025-06-01", "tou": PUBLISHED}
    with pytest.raises(ValidationError):
        Rate.model_validate(body | change)


def test_money_keeps_its_digits_through_storage() -> None:
    document = tou(*PUBLISHED).model_dump(mode="json", by_alias=True)
    assert document["tou"][2]["amount"] == "0.1660"
    assert Rate.model_validate(document) == tou(*PUBLISHED)

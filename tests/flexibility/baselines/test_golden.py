"""The synthetic meter of the contract: five rule sets to six decimals, worked by hand."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.compute import Baselines, State, compute
from energygrid.flexibility.baselines.days import LocalDays, Usage, holidays
from energygrid.metering.calendar import Span

LONDON = ZoneInfo("Europe/London")
EVENT = date(2026, 1, 15)


def span(day: date, start: int, end: int) -> Span:
    return Span(*(datetime.combine(day, time(hour), LONDON).astimezone(UTC) for hour in (start, end)))


def meter(days: LocalDays) -> np.ndarray:
    """(1, T): the contract's formula, half-hour by half-hour."""
    kwh = []
    for instant in days.instants.tolist():
        local = datetime.fromtimestamp(instant, LONDON)
        slot = local.hour * 2 + local.minute // 30
        use = 0.30 + 0.02 * (local.day % 5) + 0.005 * (slot % 4)
        use += 0.25 * (32 <= slot < 40) + 0.10 * (local.weekday() >= 5)
        if local.date() == EVENT:
            use = 1.12 * use - 0.20 * (slot in {34, 35})
        kwh.append(use)
    return np.array([kwh])


def baselines(rule_set: str, day: date = EVENT) -> tuple[Baselines, Usage]:
    rules, event = catalogue.find(rule_set, day), span(day, 17, 18)
    days = LocalDays.around("Europe/London", event, [rules])
    usage = Usage(days, meter(days))
    previous = days.number == days.number[days.index(date(2026, 1, 13))]
    off = holidays("GB-ENG", days.first, days.last)
    return compute(rules, usage, event, holidays=off, event_days=previous), usage


def picked(found: Baselines, usage: Usage) -> list[str]:
    at = np.flatnonzero(found.selections[0].picked[0])[::-1].tolist()
    return [f"{usage.days.local_date(day):%d %b}" for day in at]


_TEN = ["14 Jan", "12 Jan", "09 Jan", "08 Jan", "07 Jan", "06 Jan", "05 Jan", "02 Jan", "31 Dec", "30 Dec"]


@pytest.mark.parametrize(
    ("rule_set", "days", "unadjusted", "adjustment", "baseline"),
    [
        ("BL01", _TEN, (0.598000, 0.603000), -0.000900, (0.597100, 0.602100)),
        ("BL01_NO_IDA", _TEN, (0.598000, 0.603000), 0, (0.598000, 0.603000)),
        ("CAISO_10_OF_10", _TEN, (0.598000, 0.603000), 0.997408, (0.596450, 0.601437)),
        (
            "PJM_3_DAY_TYPES",
            ["14 Jan", "12 Jan", "09 Jan", "08 Jan"],
            (0.625000, 0.630000),
            -0.027900,
            (0.597100, 0.602100),
        ),
        (
            "NYISO_5_OF_10",
            ["14 Jan", "12 Jan", "09 Jan", "08 Jan", "07 Jan"],
            (0.620000, 0.625000),
            0.937143,
            (0.581029, 0.585714),
        ),
        ("ERCOT_MID_8_OF_10", _TEN[1:9], (0.597500, 0.602500), 0.998261, (0.596461, 0.601452)),
    ],
)
def test_the_golden_vector(rule_set, days, unadjusted, adjustment, baseline) -> None:
    found, usage = baselines(rule_set)
    assert picked(found, usage) == days
    assert found.state.tolist() == [State.OK]
    assert found.unadjusted[0].round(6).tolist() == list(unadjusted)
    assert found.adjustment[0].round(6) == adjustment
    assert found.adjusted[0].round(6).tolist() == list(baseline)
    assert usage.over(span(EVENT, 17, 18))[0].round(6).tolist() == [0.4272, 0.4328]


def test_a_saturday_takes_the_middle_two_of_four() -> None:
    found, usage = baselines("BL01_NO_IDA", date(2026, 1, 17))
    assert picked(found, usage) == ["11 Jan", "03 Jan"]
    assert found.unadjusted[0].round(6).tolist() == [0.7000, 0.7050]

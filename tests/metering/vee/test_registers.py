"""Registers against intervals: V09 (powerbox.md 4.7)."""

from datetime import date

import numpy as np
import pytest

from energygrid.metering.quality import Quality
from energygrid.metering.vee.estimation import Bracket
from energygrid.metering.vee.registers import brackets, sum_check

MONDAY = date(2025, 9, 1)


def check(stretch, *registers: Bracket, multiplier: float = 1.0):
    return sum_check(stretch, registers, multiplier, 2.0, 0.005)


@pytest.mark.parametrize(("off", "fails"), [(0.0, 0), (1.9, 0), (-1.9, 0), (2.1, 1), (-2.1, 1)])
def test_v09_two_register_units_of_difference_are_allowed(household, off, fails):
    stretch = household(MONDAY, 5)
    total = float(stretch.value[96:192].sum())
    hits = check(stretch, Bracket(int(stretch.start[96]), int(stretch.start[192]), total + off))
    assert hits.low.tolist() == [96] * fails
    assert hits.high.tolist() == [192] * fails
    assert hits.measured.tolist() == pytest.approx([abs(off)] * fails)


@pytest.mark.parametrize(("off", "fails"), [(0.0049, 0), (0.0052, 1)])
def test_v09_half_a_percent_is_allowed_where_that_is_more(household, off, fails):
    stretch = household(MONDAY, 30, scale=40)
    difference = float(stretch.value.sum()) / (1 - off)
    hits = check(stretch, Bracket(int(stretch.start[0]), int(stretch.end[-1]), difference))
    assert len(hits.low) == fails
    assert hits.limit.tolist() == pytest.approx([difference * 0.005] * fails)


def test_v09_a_register_read_within_an_interval_counts_its_share(household):
    stretch = household(MONDAY, 3)
    stretch.value[:] = 1.0
    inside = int(stretch.start[10]) + 450
    assert not len(check(stretch, Bracket(inside, inside + 900 * 100, 100.0), multiplier=1e-9).low)


def test_v09_says_nothing_of_a_bracket_with_a_gap_or_beyond_the_readings(household):
    stretch = household(MONDAY, 3)
    stretch.value[5] = np.nan
    start = int(stretch.start[0])
    holed = Bracket(start, int(stretch.start[96]), 1e6)
    beyond = Bracket(int(stretch.start[96]), int(stretch.end[-1]) + 900, 1e6)
    assert not len(check(stretch, holed, beyond).low)
    assert not len(check(stretch).low)


def test_brackets_leave_out_estimated_reads_and_registers_that_fell():
    at = np.arange(6) * 100
    value = np.array([10.0, 20, 21, 35, 99_990, 5])
    quality = np.full(6, Quality.ACTUAL, np.uint8)
    quality[2] = Quality.ESTIMATED
    assert brackets(at, value, quality) == [
        Bracket(0, 100, 10.0),
        Bracket(100, 300, 15.0),
        Bracket(300, 400, 99_955.0),
    ]

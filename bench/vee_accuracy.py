"""How well validation and estimation do: faults with known truth put into made-up households, seed fixed.

`python -m bench.vee_accuracy [--meters N] [--seed N]`. Every rule gets its own fault in every household, drawn from
below the rule's limit to far beyond it, so a rate under 100 % is what the limit lets through. What a rule says of
households without any fault is a false alarm. Estimates are judged interval by interval and by the energy of the whole
gap, with and without a register read before and after it.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from rich.table import Table

from bench.figures import console
from energygrid.metering.calendar import day_number, day_starts, local_days, to_local, weekdays
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind, ReadingBatch
from energygrid.metering.series import Series
from energygrid.metering.vee.case import Case
from energygrid.metering.vee.estimation import Bracket
from energygrid.metering.vee.examine import examine
from energygrid.metering.vee.findings import Rule
from energygrid.metering.vee.screening import RULE_OF, Verdict, duplicates, screen
from energygrid.metering.vee.settings import MeterFacts, VeeSettings
from energygrid.metering.vee.stretch import Stretch

ZONE = "America/Detroit"
FIRST, DAYS, TOUCHED = date(2025, 7, 1), 150, 120
SETTINGS = VeeSettings()
SERVICE_KVA = 12.0
FACTS = MeterFacts(service_kva=SERVICE_KVA, has_export=False)
GAPS_H = (0.5, 1, 2, 4, 12, 24, 72, 168)


def household(random: np.random.Generator, days: int = DAYS) -> Stretch:
    """150 days of quarter hours: a base, two daily peaks that wander, warm days, weekends, and appliances."""
    first, end = day_starts(day_number(FIRST) + np.array([0, days]), ZONE).tolist()
    start = np.arange(first, end, 900)
    day = local_days(start, ZONE)
    hour = to_local(start, ZONE) % DAY_S / 3600
    numbers = day - day[0]
    level = np.exp(0.12 * random.standard_normal(days))[numbers]
    morning, evening = (at + 0.5 * random.standard_normal(days)[numbers] for at in (7.5, 19.0))
    peaks = 0.12 * np.exp(-(((hour - morning) / 1.2) ** 2)) + 0.3 * np.exp(-(((hour - evening) / 2.2) ** 2))
    weekend = 1 + 0.2 * (weekdays(day) >= 5)
    appliances = random.gamma(0.6, 0.05, len(start)) * (1 + (hour > 6))
    scale = np.exp(0.4 * random.standard_normal())
    value = np.round(scale * level * weekend * (0.05 + peaks + appliances), 3)
    quality = np.full(len(start), Quality.ACTUAL, np.uint8)
    return Stretch(ZONE, 900, start, value, quality, np.zeros(len(start), np.bool_))


def case_of(stretch: Stretch, *, flow: Flow = Flow.DELIVERED, registers: tuple[Bracket, ...] = ()) -> Case:
    series = Series(1, 1, "meter", "1", Commodity.ELECTRICITY, flow, Kind.ENERGY, "kWh", 900, "", 0, ZONE)
    return Case(
        series=series,
        stretch=stretch,
        touched=(int(stretch.start[0]), int(stretch.end[-1])),
        before=Stretch(ZONE, 900, stretch.start[:0], stretch.value[:0], stretch.quality[:0], stretch.own[:0]),
        registers=registers,
        earlier=(),
        settings=SETTINGS,
        facts=FACTS,
        now=datetime.fromtimestamp(int(stretch.end[-1]), UTC) + timedelta(hours=1),
    )


Fault = tuple[Case, int, int]
"""A case and the positions `[low, high)` where it is wrong."""


def _gap(stretch: Stretch, at: int, _: np.random.Generator) -> Fault:
    stretch.value[at : at + 7], stretch.quality[at : at + 7] = np.nan, Quality.MISSING
    return case_of(stretch), at, at + 7


def _zeros(stretch: Stretch, at: int, random: np.random.Generator) -> Fault:
    length = int(random.integers(64, 400))
    stretch.value[at : at + length] = 0
    return case_of(stretch), at, at + length


def _stuck(stretch: Stretch, at: int, random: np.random.Generator) -> Fault:
    length = int(random.integers(8, 60))
    stretch.value[at : at + length] = stretch.value[at] + 0.001
    return case_of(stretch), at, at + length


def _spike(stretch: Stretch, at: int, random: np.random.Generator) -> Fault:
    stretch.value[at] = stretch.value[stretch.day == stretch.day[at]].max() * random.uniform(1.5, 20)
    return case_of(stretch), at, at + 1


def _cap(stretch: Stretch, at: int, random: np.random.Generator) -> Fault:
    stretch.value[at : at + 4] = SERVICE_KVA * 0.25 * random.uniform(1.0, 3.0)
    return case_of(stretch), at, at + 4


def _register(stretch: Stretch, at: int, random: np.random.Generator) -> Fault:
    low, high = at, at + 7 * 96
    counted = float(stretch.value[low:high].sum())
    wrong = Bracket(int(stretch.start[low]), int(stretch.start[high]), counted + random.uniform(0.0, 0.3) * counted)
    return case_of(stretch, registers=(wrong,)), low, high


def _month(stretch: Stretch, _: int, random: np.random.Generator) -> Fault:
    inside = np.flatnonzero(stretch.day.astype("M8[D]").astype("M8[M]") == np.datetime64("2025-10"))
    stretch.value[inside] *= random.choice([random.uniform(0.05, 0.5), random.uniform(2.0, 8.0)])
    return case_of(stretch), int(inside[0]), int(inside[-1]) + 1


def _estimated(stretch: Stretch, at: int, random: np.random.Generator) -> Fault:
    length = int(random.integers(6 * 96, 14 * 96))
    stretch.quality[at : at + length] = Quality.ESTIMATED
    return case_of(stretch), at, at + length


def _generation(stretch: Stretch, at: int, _: np.random.Generator) -> Fault:
    exported = np.zeros(len(stretch.value))
    exported[at : at + 8] = 0.1
    return case_of(replace(stretch, value=exported), flow=Flow.RECEIVED), at, at + 8


FAULTS: dict[Rule, Callable[[Stretch, int, np.random.Generator], Fault]] = {
    Rule.GAP: _gap,
    Rule.ZERO_RUN: _zeros,
    Rule.STUCK: _stuck,
    Rule.SPIKE: _spike,
    Rule.CAP: _cap,
    Rule.SUM_CHECK: _register,
    Rule.HIGH_LOW: _month,
    Rule.PROLONGED: _estimated,
    Rule.GENERATION: _generation,
}


@dataclass
class Score:
    injected: int = 0
    detected: int = 0
    false_alarms: int = 0
    clean: int = 0
    unit: str = "meter-days"


def examined(meters: int, seed: int) -> dict[Rule, Score]:
    """Rules that look at stored series."""
    scores = {rule: Score() for rule in FAULTS}
    for meter in range(meters):
        for number, (rule, inject) in enumerate(FAULTS.items()):
            random = np.random.default_rng([seed, meter, number])
            stretch = household(random)
            case, low, high = inject(
                stretch, int(random.integers(100, TOUCHED)) * 96 + int(random.integers(96)), random
            )
            start, end = case.stretch.start[low], case.stretch.end[high - 1]
            found = [f for f in examine(case).findings if f.rule is rule]
            scores[rule].injected += 1
            scores[rule].detected += any(f.start.timestamp() < end and f.end.timestamp() > start for f in found)
        clean = household(np.random.default_rng([seed, meter, 99]))
        low, high = 100 * 96, 107 * 96
        read = Bracket(int(clean.start[low]), int(clean.start[high]), round(float(clean.value[low:high].sum())))
        silent = replace(clean, value=np.zeros(len(clean.value)))
        for case in (case_of(clean, registers=(read,)), case_of(silent, flow=Flow.RECEIVED)):
            for finding in examine(case).findings:
                scores[finding.rule].false_alarms += 1
        for score in scores.values():
            score.clean += DAYS
    return scores


def screened(meters: int, seed: int) -> dict[Rule, Score]:
    """Rules that look at rows as they come: one fault in a hundred rows."""
    random = np.random.default_rng([seed, 7])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    clean = household(random)
    n = len(clean.start)
    keys = [replace(case_of(clean).series.key, meter_id=str(meter)) for meter in range(meters)]
    index = np.repeat(np.arange(meters, dtype=np.int32), n)
    start, value = np.tile(clean.start, meters), np.tile(clean.value, meters)
    fault = np.where(random.random(len(start)) < 0.01, random.integers(1, 5, len(start)), 0)
    value = np.where(fault == 1, -value - 0.001, value)
    start = np.where(fault == 2, start + random.integers(1, 900, len(start)), start)
    start = np.where(fault == 3, start + 400 * DAY_S, start)
    start = np.where(fault == 4, start - 900 * DAY_S, start)
    truth = np.array([Verdict.TAKEN, Verdict.NEGATIVE, Verdict.OFF_GRID, Verdict.FUTURE, Verdict.TOO_OLD], np.uint8)[
        fault
    ]
    quality = np.full(len(start), Quality.UNKNOWN, np.uint8)
    batch = ReadingBatch(keys, index, start, value, quality, np.arange(len(start)))
    verdict = screen(batch, now=now, settings=SETTINGS).verdict
    scores: dict[Rule, Score] = {}
    for code, rule in RULE_OF.items():
        score = scores.setdefault(rule, Score(clean=int((fault == 0).sum()), unit="rows"))
        score.injected += int((truth == code).sum())
        score.detected += int(((truth == code) & (verdict == code)).sum())
        score.false_alarms += int(((truth != code) & (verdict == code)).sum())
    del scores[Rule.MISMATCH]
    again = random.permutation(n)[: n // 100]
    twice = ReadingBatch(
        keys[:1], np.zeros(n + len(again), np.int32), np.append(clean.start, clean.start[again]),
        np.append(clean.value, clean.value[again]), np.zeros(n + len(again), np.uint8), np.arange(n + len(again)),
    )  # fmt: skip
    repeated = sum(len(part) for part in duplicates(twice))
    scores[Rule.DUPLICATE] = Score(len(again), min(repeated, len(again)), max(0, repeated - len(again)), n, "rows")
    return scores


def errors(meters: int, seed: int) -> Iterator[tuple[float, float, float, float, str]]:
    """For each gap length: MAPE of intervals, error of the gap's energy, MAPE with registers [share], and the steps."""
    for hours in GAPS_H:
        length = int(hours * 4)
        apart: list[float] = []
        energy: list[float] = []
        fitted: list[float] = []
        steps: set[str] = set()
        for meter in range(meters):
            random = np.random.default_rng([seed, meter, length])
            stretch = household(random)
            at = int(random.integers(100, TOUCHED)) * 96 + int(random.integers(96))
            gap = slice(at, at + length)
            truth = stretch.value[gap].copy()
            low, high = at // 96 * 96, -(-(at + length) // 96) * 96
            counted = Bracket(int(stretch.start[low]), int(stretch.start[high]), float(stretch.value[low:high].sum()))
            stretch.value[gap], stretch.quality[gap] = np.nan, Quality.MISSING
            alone, bracketed = (
                examine(case_of(stretch, registers=registers)).estimates for registers in ((), (counted,))
            )
            there = truth > 0
            apart += (np.abs(alone.value[gap] - truth)[there] / truth[there]).tolist()
            fitted += (np.abs(bracketed.value[gap] - truth)[there] / truth[there]).tolist()
            energy.append(abs(float(alone.value[gap].sum()) / float(truth.sum()) - 1))
            steps |= {f"E{step}" for step in np.unique(alone.step[gap]).tolist()}
        yield hours, float(np.mean(apart)), float(np.mean(energy)), float(np.mean(fitted)), " ".join(sorted(steps))


def report(meters: int, seed: int) -> None:
    rules = Table("rule", "injected", "detected", "rate", "false alarms", "of clean", "per 1,000", title_justify="left")
    rules.title = f"Detection, {meters} households, seed {seed}"
    scores = examined(meters, seed) | screened(meters, seed)
    for rule in sorted(scores):
        score = scores[rule]
        rules.add_row(
            f"{rule} {rule.name.lower().replace('_', ' ')}",
            f"{score.injected:,}",
            f"{score.detected:,}",
            f"{score.detected / score.injected:.1%}",
            f"{score.false_alarms:,}",
            f"{score.clean:,} {score.unit}",
            f"{1000 * score.false_alarms / score.clean:.3f}",
        )
    console.print(rules)
    gaps = Table(
        "gap", "steps", "MAPE of intervals", "error of gap energy", "MAPE with registers", title_justify="left"
    )
    gaps.title = f"Estimation, {meters} gaps a length; with registers the gap's energy is exact"
    for hours, apart, energy, fitted, steps in errors(meters, seed):
        gaps.add_row(f"{hours:g} h", steps, f"{apart:.1%}", f"{energy:.1%}", f"{fitted:.1%}")
    console.print(gaps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20260101)
    chosen = parser.parse_args()
    report(chosen.meters, chosen.seed)


if __name__ == "__main__":
    main()

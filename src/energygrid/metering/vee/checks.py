"""What the rules say of one case, as findings. Pure."""

from collections.abc import Iterator, Mapping

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.aggregation import how
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Bools, Commodity, Float64s, Flow, Kind
from energygrid.metering.series import Series
from energygrid.metering.units import convert
from energygrid.metering.vee import rules
from energygrid.metering.vee.case import Case
from energygrid.metering.vee.estimation import Estimates, Step
from energygrid.metering.vee.findings import SEVERITY, Finding, Hits, Rule, moment
from energygrid.metering.vee.registers import sum_check
from energygrid.metering.vee.settings import VeeSettings
from energygrid.metering.vee.stretch import Stretch, months_of


def _measured(stretch: Stretch) -> Float64s:
    """Values that a meter gave: estimates, whoever made them, repeat themselves by nature."""
    return np.where(stretch.own | (stretch.quality == Quality.ESTIMATED), np.nan, stretch.value)


def _per_interval(series: Series, kwh: float) -> float | None:
    """So much energy in one interval, in the unit of the series; None for a series that is neither energy nor power."""
    if series.kind not in {Kind.ENERGY, Kind.POWER}:
        return None
    try:
        if series.kind is Kind.ENERGY:
            return float(convert(np.array([kwh]), "kWh", series.unit)[0])
        return float(convert(np.array([kwh / (series.interval_s / 3600)]), "kW", series.unit)[0])
    except Invalid:
        return None


def _none() -> Hits:
    return rules.gaps(np.zeros(0, np.bool_))


def _spikes(case: Case) -> Hits:
    floor = _per_interval(case.series, case.settings.spike_floor_kwh)
    if floor is None or case.series.is_daily:
        return _none()
    return rules.spikes(_measured(case.stretch), case.stretch.day, case.settings.spike_ratio, floor)


def _above_cap(case: Case) -> Hits:
    kva = case.facts.service_kva
    cap = None if kva is None else _per_interval(case.series, kva * case.stretch.hours * case.settings.cap_margin)
    if cap is None or case.series.commodity is not Commodity.ELECTRICITY:
        return _none()
    return rules.above_cap(_measured(case.stretch), cap)


def failing(case: Case) -> dict[Rule, Hits]:
    """V07 and V08: values that nothing may be estimated from."""
    return {Rule.SPIKE: _spikes(case), Rule.CAP: _above_cap(case)}


def other_findings(case: Case, due: Bools) -> Iterator[Finding]:
    """V05, V06, V09, V10, V14 and V15. `due` (n,): between the first and last reading."""
    for rule, hits in _others(case, due).items():
        for i in range(len(hits.low)):
            yield _finding(case, rule, hits, i, {"intervals": int(hits.high[i] - hits.low[i])})
    yield from _high_low(case)


def _others(case: Case, due: Bools) -> dict[Rule, Hits]:
    stretch, settings, series = case.stretch, case.settings, case.series
    measured = _measured(stretch)
    counts = how(series.kind) == "sum" or series.kind in {Kind.POWER, Kind.DEMAND}
    hits = {Rule.PROLONGED: _prolonged(stretch, due, settings)}
    if counts:
        hits[Rule.STUCK] = rules.stuck(measured, settings.stuck_intervals)
    zero_run_h = settings.zero_run_h.get(series.commodity)
    if counts and zero_run_h is not None and series.flow is not Flow.RECEIVED:
        hits[Rule.ZERO_RUN] = rules.zero_runs(measured, stretch.hours, zero_run_h)
    if how(series.kind) == "sum":
        hits[Rule.SUM_CHECK] = sum_check(
            stretch, case.registers, case.facts.register_multiplier, settings.sum_multipliers, settings.sum_share
        )
    if case.facts.has_export is False and series.flow in {Flow.RECEIVED, Flow.NET}:
        exported = measured if series.flow is Flow.RECEIVED else -measured
        hits[Rule.GENERATION] = rules.generation(exported, stretch.day)
    return hits


def _prolonged(stretch: Stretch, due: Bools, settings: VeeSettings) -> Hits:
    not_measured = (np.isnan(stretch.value) & due) | (stretch.quality == Quality.ESTIMATED)
    return rules.prolonged(not_measured, stretch.hours, settings.prolonged_days)


def _finding(case: Case, rule: Rule, hits: Hits, i: int, facts: dict[str, object]) -> Finding:
    return Finding(
        rule,
        SEVERITY[rule],
        moment(case.stretch.start[hits.low[i]]),
        moment(case.stretch.end[hits.high[i] - 1]),
        measured=float(hits.measured[i]),
        limit=float(hits.limit[i]),
        facts=facts,
    )


def gap_findings(case: Case, wanted: Bools, found: Estimates) -> Iterator[Finding]:
    """V02, with what the ladder made of each gap; an older estimate stands where it now finds none.

    wanted (n,): gaps, and what is overdue after the last reading
    """
    hits = rules.gaps(wanted)
    kept = case.stretch.own & (found.step == Step.NONE)
    for i in range(len(hits.low)):
        inside = slice(hits.low[i], hits.high[i])
        steps = found.step[inside]
        values = np.where(kept[inside], case.stretch.value[inside], found.value[inside])
        facts: dict[str, object] = {
            "estimated": int((~np.isnan(values)).sum()),
            "total": round(float(np.nansum(values)), 9),
            "steps": {f"E{step}": int((steps == step).sum()) for step in np.unique(steps[steps > 0]).tolist()},
            "fittedToRegister": bool(found.fitted[inside].any()),
        }
        yield _finding(case, Rule.GAP, hits, i, facts)


def failed_findings(case: Case, failing: Mapping[Rule, Hits], instead: Estimates) -> Iterator[Finding]:
    """V07 and V08. The value stays; the finding holds what the ladder would put in its place."""
    for rule, hits in failing.items():
        for i in range(len(hits.low)):
            values = instead.value[hits.low[i] : hits.high[i]]
            facts = {"intervals": len(values), "estimate": [None if np.isnan(v) else v for v in values.tolist()]}
            yield _finding(case, rule, hits, i, facts)


def _high_low(case: Case) -> Iterator[Finding]:
    """V10 by calendar month, month to date for the present one: against the same month last year, else the one before.

    Source: average daily use (ADU) against the same period last year, else the previous one; powerbox.md 4.7.
    """
    if how(case.series.kind) != "sum" or not case.stretch.start.size:
        return
    average = _daily_averages(case.before, case.settings) | _daily_averages(case.stretch, case.settings)
    months = sorted(average)
    last_year = np.array([average.get(month - 12, np.nan) for month in months])
    previous = np.array([average.get(month - 1, np.nan) for month in months])
    reference = np.where(np.isnan(last_year), previous, last_year)
    present = np.array([average[month] for month in months])
    hits = rules.high_low(present, reference, case.settings.high_low_ratios)
    month_of = months_of(case.stretch.day)
    for i, at in enumerate(hits.low.tolist()):
        inside = np.flatnonzero(month_of == months[at])
        if inside.size:
            month = Hits(inside[:1], inside[-1:] + 1, hits.measured[i : i + 1], hits.limit[i : i + 1])
            against = "lastYear" if not np.isnan(last_year[at]) else "previousMonth"
            facts = {"perDay": float(present[at]), "reference": float(reference[at]), "against": against}
            yield _finding(case, Rule.HIGH_LOW, month, 0, facts)


def _daily_averages(stretch: Stretch, settings: VeeSettings) -> dict[int, float]:
    """Average daily use of each local month with enough complete days."""
    if not stretch.start.size:
        return {}
    begins = np.concatenate(([0], np.flatnonzero(np.diff(stretch.day)) + 1))
    totals = np.add.reduceat(stretch.value, begins)
    complete = ~np.isnan(totals)
    months, position = np.unique(months_of(stretch.day[begins][complete]), return_inverse=True)
    days = np.bincount(position, minlength=len(months))
    sums = np.bincount(position, weights=totals[complete], minlength=len(months))
    enough = days >= settings.high_low_days
    return dict(zip(months[enough].tolist(), (sums[enough] / days[enough]).tolist(), strict=True))

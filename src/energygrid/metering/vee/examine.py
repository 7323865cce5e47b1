"""One series examined: what the rules say of it, what is estimated, and which stored findings no longer hold. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from energygrid.metering.readings import Bools, Int64s
from energygrid.metering.vee import checks
from energygrid.metering.vee.case import Case, due, overdue, scope
from energygrid.metering.vee.estimation import Estimates, Step, estimate
from energygrid.metering.vee.findings import SEVERITY, Finding, Rule, moment

EXAMINED = (
    Rule.GAP,
    Rule.ZERO_RUN,
    Rule.STUCK,
    Rule.SPIKE,
    Rule.CAP,
    Rule.SUM_CHECK,
    Rule.HIGH_LOW,
    Rule.PROLONGED,
    Rule.GENERATION,
)
"""Rules whose stored findings an examination replaces."""


@dataclass(slots=True)
class Outcome:
    """What an examination came to.

    findings  all that hold in the examined span;  outdated  stored ones that no longer do
    write     positions of the stretch whose estimate is to be written
    wanted    (n,) intervals of gaps
    """

    findings: list[Finding]
    outdated: list[Finding]
    estimates: Estimates
    write: Int64s
    wanted: Bools = field(repr=False)

    @property
    def missing(self) -> int:
        """Intervals that no step of the ladder could estimate."""
        return int((self.wanted & (self.estimates.step == Step.NONE)).sum())


def examine(case: Case) -> Outcome:
    """Apply rules V02, V05 to V10, V14 and V15, and estimate what is missing.

    A value that fails a rule stays: an estimate fills what was not measured and nothing else. The finding of a failed
    value holds the estimate that could stand instead.
    """
    stretch = case.stretch
    low, high = scope(case)
    expected = due(stretch)
    wanted, late = stretch.unmeasured & expected, overdue(case)
    for mask in (wanted, late):
        mask[:low] = mask[high:] = False
    failing = checks.failing(case)
    failed = np.zeros(len(wanted), np.bool_)
    for hits in failing.values():
        for a, b in zip(hits.low, hits.high, strict=True):
            failed[a:b] = True
    fill = partial(estimate, stretch, settings=case.settings, brackets=case.registers, history=[case.before])
    found = fill(wanted, distrusted=failed)
    every = list(checks.gap_findings(case, wanted | late, found))
    if failed.any():
        every += checks.failed_findings(case, failing, fill(wanted | failed))
    every += checks.other_findings(case, expected)
    findings, outdated = _settled(case, every, low, high)
    findings += _corrections(case, low, high)
    changed = (found.step != Step.NONE) & ~(stretch.own & (stretch.value == found.value))
    return Outcome(findings, outdated, found, np.flatnonzero(changed), wanted)


def _settled(case: Case, every: Sequence[Finding], low: int, high: int) -> tuple[list[Finding], list[Finding]]:
    """Of all findings those that the span `[low, high)` decides, and the stored ones that they replace.

    A stored finding that reaches out of the span, or touches it, is decided as a whole.
    """
    if low == high:
        return [], []
    start, end = moment(case.stretch.start[low]), moment(case.stretch.end[high - 1])
    seen_from = {moment(case.stretch.start[0]), start}
    findings: list[Finding] = []
    outdated: list[Finding] = []
    for rule in EXAMINED:
        stored = [f for f in case.earlier if f.rule is rule and f.start <= end and f.end >= start]
        since = min([start, *(f.start for f in stored)])
        until = max([end, *(f.end for f in stored)])
        held = [f for f in every if f.rule is rule and f.start < until and f.end > since]
        held = [_from_its_beginning(f, stored) if f.start in seen_from else f for f in held]
        findings += held
        outdated += [f for f in stored if f not in held]
    return findings, outdated


def _from_its_beginning(finding: Finding, stored: Sequence[Finding]) -> Finding:
    """A finding that was seen only from the edge of what was read on begins where an earlier examination saw it."""
    for old in stored:
        if old.start < finding.start <= old.end and old.measured is not None and finding.measured is not None:
            return replace(finding, start=old.start, measured=max(old.measured, finding.measured))
    return finding


def _corrections(case: Case, low: int, high: int) -> Iterator[Finding]:
    """Actual values that came where an earlier examination had estimated."""
    stretch = case.stretch
    for gap in case.earlier:
        if gap.rule is not Rule.GAP or not gap.facts.get("estimated"):
            continue
        first, last = stretch.between(int(gap.start.timestamp()), int(gap.end.timestamp()))
        at = first + np.flatnonzero(~stretch.unmeasured[first:last])
        at = at[(at >= low) & (at < high)]
        if at.size:
            yield Finding(
                Rule.CORRECTION,
                SEVERITY[Rule.CORRECTION],
                moment(stretch.start[at[0]]),
                moment(stretch.end[at[-1]]),
                measured=float(stretch.value[at].sum()),
                facts={"intervals": len(at), "estimatedBefore": gap.facts.get("total"), "gapIntervals": last - first},
            )

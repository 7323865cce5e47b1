"""Billing cycles: PUT and GET /powerbox/billing-cycles[/{cycleId}] (contract P-6, C16, C30)."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field, Strict, StrictBool, StringConstraints

from energygrid.billing import schedules
from energygrid.billing.cycles import Cycle, Finding, Period
from energygrid.billing.rates import Day
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.powerbox.auth import MayWriteRates
from energygrid.surfaces.powerbox.errors import problems
from energygrid.surfaces.powerbox.wire import Wire

After = Annotated[str, Query(max_length=64, pattern=r"^[\x21-\x7E]*$", description="`next` of the page before.")]

router = APIRouter(tags=["Billing cycles"])

ID = r"^[\x21-\x7E]{1,64}$"
CycleId = Annotated[str, Path(pattern=ID, examples=["1"])]
WireId = Annotated[int, Strict(), Field(ge=0, le=999_999_999)] | Annotated[str, StringConstraints(pattern=ID)]

LocalTime = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$")]
"""A wall clock of the utility, without an offset."""

_INTEGER = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


def wire_id(stored: str) -> int | str:
    """An integer where the text is one, else the text (C16)."""
    return int(stored) if _INTEGER.fullmatch(stored) else stored


class PeriodIn(Wire):
    """Both dates are included. Without `periodId` the periods of a billing year are numbered from 1."""

    model_config = ConfigDict(extra="ignore")

    period_id: WireId | None = None
    start_date: Day
    end_date: Day


class CycleIn(Wire):
    """The whole schedule of the cycle; periods that it leaves out are removed."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field("", max_length=100, pattern=r"^[^\x00-\x1F\x7F]*$")
    is_bi_monthly: StrictBool = False
    periods: list[PeriodIn] = Field(max_length=2_000)

    def cycle(self, cycle_id: str) -> Cycle:
        counted: Counter[int] = Counter()
        periods: list[Period] = []
        for each in sorted(self.periods, key=lambda period: period.start_date):
            counted[each.end_date.year] += 1
            period_id = counted[each.end_date.year] if each.period_id is None else each.period_id
            periods.append(Period(str(period_id), each.start_date, each.end_date + timedelta(days=1)))
        return Cycle(cycle_id, self.name, self.is_bi_monthly, tuple(periods))


class PeriodOut(Wire):
    period_id: int | str
    start_date: date
    end_date: date


class ScheduleWarning(Wire):
    code: str
    period_id: int | str
    message: str

    @classmethod
    def of(cls, finding: Finding) -> "ScheduleWarning":
        return cls(code=finding.code, period_id=wire_id(finding.period_id), message=finding.message)


class CycleSummary(Wire):
    billing_cycle_id: int | str
    name: str
    is_bi_monthly: bool

    @classmethod
    def of(cls, cycle: Cycle) -> "CycleSummary":
        return cls(billing_cycle_id=wire_id(cycle.cycle_id), name=cycle.name, is_bi_monthly=cycle.is_bimonthly)


class CycleOut(CycleSummary):
    """`warnings`: periods that leave a hole or have an unusual length; only in the answer to a PUT."""

    periods: list[PeriodOut]
    warnings: list[ScheduleWarning] | None = None

    @classmethod
    def with_periods(cls, cycle: Cycle, findings: Sequence[Finding] | None = None) -> "CycleOut":
        return cls(
            **CycleSummary.of(cycle).model_dump(by_alias=False),
            periods=[
                PeriodOut(period_id=wire_id(each.period_id), start_date=each.start, end_date=each.last_day)
                for each in cycle.periods
            ],
            warnings=None if findings is None else [ScheduleWarning.of(each) for each in findings],
        )


class CycleDate(Wire):
    """A period as the Usage API renders it: local time, its end at the last second of the last day."""

    billing_cycle_id: int | str
    billing_period_id: int | str
    billing_year_id: int
    start_date: LocalTime
    end_date: LocalTime
    billing_cycle: CycleSummary

    @classmethod
    def of(cls, cycle: Cycle, period: Period) -> "CycleDate":
        return cls(
            billing_cycle_id=wire_id(cycle.cycle_id),
            billing_period_id=wire_id(period.period_id),
            billing_year_id=period.billing_year,
            start_date=f"{period.start}T00:00:00",
            end_date=f"{period.last_day}T23:59:59",
            billing_cycle=CycleSummary.of(cycle),
        )


class CyclesOut(Wire):
    """`next` is absent on the last page."""

    billing_cycles: list[CycleSummary]
    next: str | None = None


@router.put(
    "/powerbox/billing-cycles/{cycleId}",
    operation_id="putBillingCycle",
    responses=problems(400, 401, 403, 413),
    response_model_exclude_none=True,
)
def put_billing_cycle(
    cycleId: CycleId,
    body: CycleIn,
    caller: MayWriteRates,
    db: Db,
    request_id: RequestId,
    now: Now,
) -> CycleOut:
    """Replace the cycle's schedule. Overlaps refuse it; holes and unusual lengths are warned of."""
    cycle = body.cycle(cycleId)
    found = db.write(schedules.put_cycle, caller.tenant, cycle, who=caller.actor(request_id), now=now)
    return CycleOut.with_periods(cycle, found)


@router.get(
    "/powerbox/billing-cycles/{cycleId}",
    operation_id="getBillingCycle",
    responses=problems(400, 401, 403, 404),
    response_model_exclude_none=True,
)
def get_billing_cycle(
    cycleId: CycleId,
    caller: MayWriteRates,
    db: Db,
    year: Annotated[
        int | None,
        Query(
            ge=1970, le=2099, description="Billing year: only periods that end in it, as the Usage API renders them."
        ),
    ] = None,
) -> CycleOut | list[CycleDate]:
    """The schedule, or with `year` the periods of one billing year."""
    cycle = db.read(schedules.get_cycle, caller.tenant, cycleId)
    if year is None:
        return CycleOut.with_periods(cycle)
    return [CycleDate.of(cycle, each) for each in cycle.periods if each.billing_year == year]


@router.get(
    "/powerbox/billing-cycles",
    operation_id="listBillingCycles",
    responses=problems(400, 401, 403),
    response_model_exclude_none=True,
)
def list_billing_cycles(
    caller: MayWriteRates,
    db: Db,
    after: Annotated[
        str, Query(max_length=64, pattern=r"^[\x21-\x7E]*$", description="`next` of the page before.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> CyclesOut:
    """All cycles by id, without their periods."""
    found = db.read(schedules.list_cycles, caller.tenant, after=after, limit=limit + 1)
    more = found[limit - 1].cycle_id if len(found) > limit else None
    return CyclesOut(billing_cycles=[CycleSummary.of(each) for each in found[:limit]], next=more)

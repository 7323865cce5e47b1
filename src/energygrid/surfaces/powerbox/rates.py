"""Rates: PUT and GET /powerbox/rates[/{rateCode}] (contract P-7)."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from energygrid.billing import tariffs
from energygrid.billing.coverage import Finding
from energygrid.billing.rates import RATE_CODE, Day, DayType, Rate, RateType
from energygrid.billing.tariffs import StoredRate
from energygrid.errors import Invalid, NotFound
from energygrid.metering.settings import MeteringSettings
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.powerbox.auth import MayWriteRates
from energygrid.surfaces.powerbox.errors import problems
from energygrid.surfaces.powerbox.local import today
from energygrid.surfaces.powerbox.wire import Wire

After = Annotated[str, Query(max_length=64, pattern=r"^[\x21-\x7E]*$", description="`next` of the page before.")]

router = APIRouter(tags=["Rates"])

RateCode = Annotated[str, Path(pattern=RATE_CODE, examples=["RES1"])]


class RateFinding(Wire):
    """Hours `startHour` to `endHour` (excluded) on `days` days of a kind have no price, or more than one."""

    code: Literal["TOU_GAP", "TOU_OVERLAP"]
    day_type: DayType
    start_hour: int
    end_hour: int
    first_date: date
    last_date: date
    days: int

    @classmethod
    def of(cls, finding: Finding) -> "RateFinding":
        return cls(**{name: getattr(finding, name) for name in cls.model_fields})


class RateVersion(Wire):
    """`incomplete`: some hours have no single price; bills flag them and never price them at zero."""

    valid_from: date
    valid_to: date | None
    type: RateType
    status: Literal["complete", "incomplete"]
    description: str

    @classmethod
    def of(cls, stored: StoredRate) -> "RateVersion":
        rate = stored.rate
        return cls(
            valid_from=rate.valid_from,
            valid_to=rate.valid_to,
            type=rate.type,
            status=stored.status,
            description=rate.description,
        )


class RateOut(Rate):
    """One version of a rate as stored, and what its check found."""

    status: Literal["complete", "incomplete"]
    findings: list[RateFinding]
    versions: list[RateVersion]

    @classmethod
    def of(cls, stored: StoredRate, versions: Iterable[StoredRate]) -> "RateOut":
        facts: dict[str, Any] = stored.rate.model_dump(exclude_unset=True)
        return cls(
            **facts,
            status=stored.status,
            findings=[RateFinding.of(each) for each in stored.findings],
            versions=[RateVersion.of(each) for each in versions],
        )


class RateSummary(Wire):
    rate_code: str
    versions: list[RateVersion]


class RatesOut(Wire):
    """`next` is absent on the last page."""

    rates: list[RateSummary]
    next: str | None = None


@router.put(
    "/powerbox/rates/{rateCode}",
    operation_id="putRate",
    responses=problems(400, 401, 403, 413),
    response_model_exclude_none=True,
)
def put_rate(
    rateCode: RateCode,
    rate: Rate,
    caller: MayWriteRates,
    db: Db,
    request_id: RequestId,
    now: Now,
) -> RateOut:
    """Store the version that begins on `validFrom`; an earlier version then ends the day before."""
    if rate.rate_code not in {"", rateCode}:
        raise Invalid("INVALID_PAYLOAD", f"the path names rate {rateCode}, the body {rate.rate_code}")
    coded = rate.model_copy(update={"rate_code": rateCode})
    stored = db.write(tariffs.put_rate, caller.tenant, coded, who=caller.actor(request_id), now=now)
    return RateOut.of(stored, db.read(tariffs.versions, caller.tenant, rateCode))


@router.get(
    "/powerbox/rates/{rateCode}",
    operation_id="getRate",
    responses=problems(400, 401, 403, 404),
    response_model_exclude_none=True,
)
def get_rate(
    rateCode: RateCode,
    caller: MayWriteRates,
    db: Db,
    now: Now,
    on: Annotated[Day | None, Query(description="A local day: the version in force on it, else 404.")] = None,
) -> RateOut:
    """The version in force today; before the first one begins that one, after the last one ended the last."""
    versions = db.read(tariffs.versions, caller.tenant, rateCode)
    day = on or today(caller.tenant.section("metering", MeteringSettings).zone, now)
    found = tariffs.in_force(versions, day)
    if found is None and on is not None:
        raise NotFound("UNKNOWN_RATE", f"no version of {rateCode} is in force on {on}", rateCode=rateCode)
    coming = next((each for each in versions if each.rate.valid_from > day), versions[-1])
    return RateOut.of(found or coming, versions)


@router.get(
    "/powerbox/rates",
    operation_id="listRates",
    responses=problems(400, 401, 403),
    response_model_exclude_none=True,
)
def list_rates(
    caller: MayWriteRates,
    db: Db,
    after: Annotated[
        str, Query(max_length=64, pattern=r"^[\x21-\x7E]*$", description="`next` of the page before.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> RatesOut:
    """All rate codes in their order, each with its versions."""
    found = db.read(tariffs.list_rates, caller.tenant, after=after, limit=limit + 1)
    summaries = [
        RateSummary(rate_code=code, versions=[RateVersion.of(each) for each in versions])
        for code, versions in list(found.items())[:limit]
    ]
    return RatesOut(rates=summaries, next=summaries[-1].rate_code if len(found) > limit else None)

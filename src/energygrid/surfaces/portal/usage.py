"""My usage: a year at a glance, a day in detail, of every own meter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.database.engine import Connection
from energygrid.errors import Invalid, NotFound
from energygrid.greenbutton.entitlement import own_entitlement
from energygrid.greenbutton.own.usage import Chart, Extent, charts_of, days, extent, one_day
from energygrid.metering.readings import DAY_S
from energygrid.surfaces.common.deps import Db, Here, Now
from energygrid.surfaces.portal.auth import Customer, base_of, customer_id
from energygrid.surfaces.portal.drawing import draw
from energygrid.surfaces.portal.figures import Figure, day_figure, months, year_figure
from energygrid.surfaces.portal.meters import Named, named
from energygrid.surfaces.portal.pages import page

router = APIRouter()


@dataclass(frozen=True, slots=True)
class View:
    """One meter's chart among all there are; `chart` and `extent` are None where nothing was ever read."""

    meters: dict[str, Named]
    chosen: Named | None
    charts: Sequence[Chart]
    chart: Chart | None
    extent: Extent | None


@dataclass(frozen=True, slots=True)
class Year:
    """Twelve whole months, [first, end)."""

    first: date
    end: date
    figure: Figure


@router.get("/usage")
@router.get("/usage/{usage_point}")
def usage(
    request: Request,
    session: Customer,
    here: Here,
    db: Db,
    now: Now,
    usage_point: str | None = None,
    show: str = "",
    until: str = "",
    day: str = "",
) -> Response:
    """Both charts of one meter; by default of the first one, with the latest readings.

    show   key of the chart, for a meter that measures several things
    until  last month of the year at a glance, 2026-03
    day    the day in detail, 2026-03-29
    """
    view = db.read(_view, here.vault, session.tenant, customer_id(session), usage_point, show, now)
    if view.chosen is None or view.chart is None or view.extent is None:
        return page(request, "usage.html", title="My usage", view=view, year=None, day=None)
    month = _month(until) if until else view.extent.last
    chosen_day = _date(day) if day else view.extent.last
    year = db.read(_year, view.chart, month)
    detail = db.read(_day, view.chart, chosen_day)
    here_path = f"{base_of(request)}/usage/{view.chosen.usage_point}?show={view.chart.key}"
    return page(
        request,
        "usage.html",
        title="My usage",
        view=view,
        year=year,
        year_drawing=draw(year.figure),
        months=months(year.figure),
        day=chosen_day,
        detail=detail,
        day_drawing=draw(detail) if detail else None,
        path=here_path,
        until=year.end - timedelta(days=1),
        before=year.first - timedelta(days=1),
        after=_next_year(year.end),
        one=timedelta(days=1),
    )


def _view(
    db: Connection, vault: Vault, tenant: Tenant, customer: str, usage_point: str | None, show: str, now: datetime
) -> View:
    entitlement = own_entitlement(db, vault, tenant, customer, now)
    charts = charts_of(db, entitlement)
    meters = named(db, vault, entitlement, charts)
    if usage_point is None:
        usage_point = next((each for each in meters if charts[each]), next(iter(meters), None))
    elif usage_point not in meters:
        raise NotFound("UNKNOWN_METER", "there is no such meter")
    if usage_point is None:
        return View(meters, None, (), None, None)
    mine = charts[usage_point]
    chart = next((each for each in mine if each.key == show), mine[0] if mine else None)
    reach = None if chart is None else extent(db, chart)
    return View(meters, meters[usage_point], mine, chart, reach)


def _year(db: Connection, chart: Chart, month: date) -> Year:
    """The twelve months that end with the one `month` lies in."""
    end = _first_of_next(month)
    first = end.replace(year=end.year - 1)
    return Year(first, end, year_figure(chart, days(db, chart, first, end), first, end))


def _day(db: Connection, chart: Chart, day: date) -> Figure | None:
    """None for daily readings, which have no detail, and for a day that the zone skipped."""
    if chart.interval_s == DAY_S:
        return None
    readings = one_day(db, chart, day)
    return day_figure(chart, readings, day) if readings[0].start.size else None


def _first_of_next(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def _next_year(end: date) -> date:
    """Any day of the last month of the year that begins with `end`."""
    return end.replace(year=end.year + 1) - timedelta(days=1)


def _month(text: str) -> date:
    try:
        found = date.fromisoformat(f"{text}-01" if len(text) == 7 else text)
    except ValueError as error:
        raise Invalid("BAD_DATE", "A month looks like 2026-03.") from error
    return _within(found)


def _date(text: str) -> date:
    try:
        return _within(date.fromisoformat(text))
    except ValueError as error:
        raise Invalid("BAD_DATE", "A day looks like 2026-03-29.") from error


def _within(day: date) -> date:
    if not 1972 <= day.year <= 2097:
        raise Invalid("BAD_DATE", "There are no readings in that year.")
    return day

"""Download My Data: any span of any own meter as one file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from energygrid.access import audit
from energygrid.access.caller import Actor
from energygrid.access.sessions.sessions import Session
from energygrid.access.vault import Vault
from energygrid.database.engine import Connection
from energygrid.greenbutton.entitlement import Entitlement, own_entitlement
from energygrid.greenbutton.feed import subscription_feed
from energygrid.greenbutton.own.usage import Chart, charts_of
from energygrid.greenbutton.twins import WRITERS
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.window import Window
from energygrid.metering.calendar import day_span
from energygrid.metering.readings import DAY_S
from energygrid.surfaces.common.deps import Here, Now
from energygrid.surfaces.portal.auth import Customer, actor_of, customer_id
from energygrid.surfaces.portal.meters import Named, named
from energygrid.surfaces.portal.pages import Problem, page, zone_of

router = APIRouter()

FORMATS = {
    "xml": (
        "Green Button (XML)",
        "What other services read. Readings, bills and power quality.",
        "application/atom+xml",
    ),
    "csv": ("Table (CSV)", "For a spreadsheet. Readings only.", "text/csv; charset=utf-8"),
    "parquet": ("Table (Parquet)", "For data tools. Readings only.", "application/vnd.apache.parquet"),
}
"""By format: its title, what it is for, and its media type."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a customer can take with it."""

    entitlement: Entitlement
    charts: dict[str, list[Chart]]
    meters: dict[str, Named]


@dataclass(frozen=True, slots=True)
class Wish:
    """Local days [first, last], both included."""

    meters: tuple[str, ...]
    first: date
    last: date
    format: str


@router.get("/download")
def download_page(request: Request, session: Customer, here: Here, now: Now) -> Response:
    """The form, filled in with what a chart showed, or else with the last year of every meter."""
    own = here.database.read(_own, here.vault, session, now)
    query = request.query_params
    today = now.astimezone(ZoneInfo(zone_of(session))).date()
    first, last = _date(query.get("from", "")) or today - timedelta(days=365), _date(query.get("to", "")) or today
    shown = [each for each in own.meters if each in query.getlist("meter")]
    fields = {"from": first.isoformat(), "to": last.isoformat(), "format": "xml"}
    return _form(request, own, shown or list(own.meters), fields)


@router.get("/download/file")
def download(request: Request, session: Customer, here: Here, now: Now) -> Response:
    """The file, written while it is read. It names no person, premise or meter number, and neither does its name."""
    own = here.database.read(_own, here.vault, session, now)
    query = request.query_params
    fields = {name: query.get(name, "") for name in ("from", "to", "format")}
    wish = _wish(own, query.getlist("meter"), fields)
    if not isinstance(wish, Wish):
        return _form(request, own, query.getlist("meter"), fields, wish)
    shared = [meter for meter in own.entitlement.meters if meter.usage_point in wish.meters]
    context = Context(here.vault, here.settings.resource_url, replace(own.entitlement, meters=tuple(shared)), now)
    zone = zone_of(session)
    start, end = day_span(wish.first, zone).instants()[0], day_span(wish.last, zone).instants()[1]
    href = f"{context.base}/Batch/Subscription/{own.entitlement.id}"
    feed = subscription_feed(here.database, context, Window(start, end), href=href)
    here.database.write(_record, session, wish, actor_of(request, session), now)
    name = file_name(session.tenant.key, [chart for each in wish.meters for chart in own.charts[each]], wish)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(WRITERS[wish.format](feed), media_type=FORMATS[wish.format][2], headers=headers)


def file_name(utility: str, charts: Sequence[Chart], wish: Wish) -> str:
    """`{utility}_{commodity}_{interval}_{from}_{to}.{format}`, as the Download My Data rules want it."""
    commodities = {str(chart.commodity) for chart in charts}
    intervals = {chart.interval_s for chart in charts}
    commodity = commodities.pop() if len(commodities) == 1 else "all"
    interval = _interval(intervals.pop()) if len(intervals) == 1 else "mixed"
    return f"{utility}_{commodity}_{interval}_{wish.first}_{wish.last}.{wish.format}"


def _interval(seconds: int) -> str:
    if seconds == DAY_S:
        return "daily"
    return f"{seconds // 60}min" if seconds % 60 == 0 else f"{seconds}s"


def _own(db: Connection, vault: Vault, session: Session, now: datetime) -> Own:
    entitlement = own_entitlement(db, vault, session.tenant, customer_id(session), now)
    charts = charts_of(db, entitlement)
    return Own(entitlement, charts, named(db, vault, entitlement, charts))


def _wish(own: Own, meters: Sequence[str], fields: dict[str, str]) -> Wish | list[Problem]:
    chosen = tuple(each for each in own.meters if each in meters)
    problems = [] if chosen else [Problem("meters", "Choose at least one meter.")]
    first, last = _date(fields["from"]), _date(fields["to"])
    if first is None:
        problems.append(Problem("from", "From: enter a date."))
    if last is None:
        problems.append(Problem("to", "To: enter a date."))
    if first and last and last < first:
        problems.append(Problem("to", "To: this day is before the first."))
    if fields["format"] not in FORMATS:
        problems.append(Problem("format-xml", "Choose a format."))
    if problems or first is None or last is None:
        return problems
    return Wish(chosen, first, last, fields["format"])


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1972 <= found.year <= 2097 else None


def _record(db: Connection, session: Session, wish: Wish, who: Actor, now: datetime) -> None:
    audit.record(
        db,
        session.tenant.id,
        actor=who.name,
        action="own_data.downloaded",
        subject=f"customer/{customer_id(session)}",
        request_id=who.request_id,
        now=now,
        facts={"from": str(wish.first), "to": str(wish.last), "format": wish.format, "meters": len(wish.meters)},
    )


def _form(
    request: Request,
    own: Own,
    chosen: Sequence[str],
    fields: dict[str, str],
    problems: Sequence[Problem] = (),
) -> Response:
    return page(
        request,
        "download.html",
        title="Download My Data",
        status=400 if problems else 200,
        problems=problems,
        meters=own.meters,
        chosen=chosen,
        fields=fields,
        formats=FORMATS,
        wrong={problem.field for problem in problems},
    )

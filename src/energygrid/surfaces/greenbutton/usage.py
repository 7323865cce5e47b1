"""The usage side: usage points and what each has (contracts/greenbutton.md 3.1)."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Request
from sqlalchemy import Connection
from starlette.responses import Response

from energygrid.greenbutton.atom import Entry
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.feed import interval_blocks
from energygrid.greenbutton.usage import views
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.window import Window
from energygrid.surfaces.greenbutton.address import RESOURCE, asked_url
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import WithAccessToken
from energygrid.surfaces.greenbutton.call import Call, unknown
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, READING_FORMS, entry_draft, feed_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters
from energygrid.surfaces.greenbutton.paging import cut
from energygrid.surfaces.greenbutton.resources import Resource, Sought, add, at

router = APIRouter(prefix=RESOURCE)

_POINT = "/Subscription/{auth_uid}/UsagePoint"
_BELOW_POINT = f"{_POINT}/{{meter_uid}}"
_READING = f"{_BELOW_POINT}/MeterReading"
_BLOCK = f"{_READING}/{{reading_uid}}/IntervalBlock"
_ERRORS = (400, 401, 403, 404, 406, 429)

Uid = Annotated[str, Path(examples=["1234567890123456"])]
Windowed: TypeAlias = Callable[[Connection, Context, SharedMeter, Window], list[Entry]]


def meter_of(context: Context, usage_point: str) -> SharedMeter:
    found = context.entitlement.meter(usage_point)
    if found is None:
        raise unknown()
    return found


def _points(db: Connection, context: Context, _: Sought) -> list[Entry]:
    return views.usage_points(db, context)


def _point(db: Connection, context: Context, sought: Sought) -> Entry:
    return views.usage_point(db, context, meter_of(context, sought.ids["meter_uid"]))


def _readings(db: Connection, context: Context, sought: Sought) -> list[Entry]:
    return views.meter_readings(db, context, meter_of(context, sought.ids["meter_uid"]))


def _reading(db: Connection, context: Context, sought: Sought) -> Entry | None:
    return views.meter_reading(db, context, meter_of(context, sought.ids["meter_uid"]), sought.ids["reading_uid"])


def _of_meter(name: str, item: str, view: Windowed, alias: str | None = None) -> Resource:
    def listed(db: Connection, context: Context, sought: Sought) -> Sequence[Entry]:
        return view(db, context, meter_of(context, sought.ids["meter_uid"]), sought.window)

    def one(db: Connection, context: Context, sought: Sought) -> Entry | None:
        return at(f"/{name}/{sought.ids[item]}", listed(db, context, sought))

    return Resource(name, f"{_BELOW_POINT}/{alias or name}", item, listed, one)


def _zones(db: Connection, context: Context, _: Sought) -> list[Entry]:
    return views.local_time_parameters(db, context)


def _zone(db: Connection, context: Context, sought: Sought) -> Entry | None:
    return at(sought.href, _zones(db, context, sought))


def _types(db: Connection, context: Context, _: Sought) -> list[Entry]:
    return views.reading_types(db, context)


def _type(db: Connection, context: Context, sought: Sought) -> Entry | None:
    return views.reading_type(db, context, sought.ids["type_uid"])


add(router, Resource("LocalTimeParameters", "/LocalTimeParameters", "tz_uid", _zones, _zone))
add(router, Resource("ReadingType", "/ReadingType", "type_uid", _types, _type))
add(router, Resource("UsagePoint", _POINT, "meter_uid", _points, _point))
add(router, Resource("MeterReading", _READING, "reading_uid", _readings, _reading))
add(router, _of_meter("UsageSummary", "summary_uid", views.usage_summaries))
add(router, _of_meter("ElectricPowerQualitySummary", "power_uid", views.power_quality_summaries))
add(
    router,
    _of_meter("UsageSummary", "summary_uid", views.usage_summaries, alias="ElectricPowerUsageSummary"),
    deprecated=True,
)


@router.get(
    _BLOCK,
    responses=answers_of("readings", *_ERRORS),
    openapi_extra=parameters("", windows=True, pages=True),
    response_class=Response,
    tags=["Usage"],
)
def list_interval_blocks(
    request: Request, presented: WithAccessToken, auth_uid: Uid, meter_uid: Uid, reading_uid: Uid
) -> Response:
    """The list of IntervalBlock entries, each a local day, empty when there are none."""
    call = Call.of(request, presented)
    chosen = media_type(request.headers.get("accept", ""), READING_FORMS)
    context, meter = call.shared(auth_uid, lambda _, context: meter_of(context, meter_uid))
    href, database = asked_url(request), call.here.database
    feed = interval_blocks(database, context, meter, reading_uid, call.asked.window, href=href)
    return answer(request, feed_draft(call, chosen, cut(feed, call.asked)))


@router.get(f"{_BLOCK}/{{block_uid}}", responses=answers_of("atom", *_ERRORS), response_class=Response, tags=["Usage"])
def read_interval_block(
    request: Request, presented: WithAccessToken, auth_uid: Uid, meter_uid: Uid, reading_uid: Uid, block_uid: Uid
) -> Response:
    """One IntervalBlock."""
    call = Call.of(request, presented)
    chosen = media_type(request.headers.get("accept", ""), ENTRY_FORMS)

    def read(db: Connection, context: Context) -> Entry:
        found = views.interval_block(db, context, meter_of(context, meter_uid), reading_uid, block_uid)
        if found is None:
            raise unknown()
        return found

    _, entry = call.shared(auth_uid, read)
    return answer(request, entry_draft(call, chosen, entry))

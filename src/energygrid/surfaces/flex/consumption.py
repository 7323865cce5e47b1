"""Energy consumption: half-hours of many assets in one request, and of one asset read back."""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response

from energygrid.errors import Invalid
from energygrid.flexibility.consumption import consumption, records
from energygrid.flexibility.consumption.consumption import Receipt
from energygrid.flexibility.events.time import time_of
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.metering.calendar import Span
from energygrid.metering.grid import Readings
from energygrid.surfaces.common.deps import Db, Now, RequestId
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import ASSET, example
from energygrid.surfaces.flex.wire import Out, Page, Paged

router = APIRouter(tags=["Energy consumption"])
_MOST_BYTES = 64 << 20
_DEFAULT_SPAN = timedelta(days=31)

Channel = Literal["import", "export"]


class RejectedOut(Out):
    """A record that was not taken, by its position in the request."""

    index: int
    asset_uuid: str | None = None
    timestamp: int | None = None
    reason: str


class ReceiptOut(Out):
    """accepted: new; updated: another value than before, which is kept as a revision; unchanged: known already.

    `rejected` lists the first thousand of `rejectedCount`.
    """

    model_config = example(
        {
            "ingestId": "7d4b2c80-5f0e-4f0b-9c2a-1e3d5a7b9c11",
            "accepted": 47,
            "updated": 0,
            "unchanged": 0,
            "rejectedCount": 1,
            "rejected": [
                {
                    "index": 12,
                    "assetUUID": ASSET,
                    "timestamp": 1768496400,
                    "reason": "NEGATIVE: a value is 0 or more, in both channels",
                }
            ],
        }
    )

    ingest_id: UUID
    accepted: int
    updated: int
    unchanged: int
    rejected_count: int
    rejected: list[RejectedOut]


class ConsumptionOut(Out):
    """One half-hour; `timestamp` is its start in epoch seconds, `value` kWh."""

    model_config = example({"assetUUID": ASSET, "timestamp": 1768496400, "value": 0.427, "type": "import"})

    asset_uuid: UUID
    timestamp: int
    value: float
    type: Channel


async def _body(request: Request) -> bytes:
    """The request's body as JSON text; gzip is undone, to 64 MiB at most."""
    raw = await request.body()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        return raw
    if coding not in {"gzip", "x-gzip"}:
        raise Invalid("UNSUPPORTED_FORMAT", f"a body may be compressed by gzip, not by {coding[:20]}")
    try:
        unpacker = zlib.decompressobj(wbits=31)
        body = unpacker.decompress(raw, _MOST_BYTES)
    except zlib.error as error:
        raise Invalid("MALFORMED_JSON", "the body is not the gzip stream that it claims to be") from error
    if unpacker.unconsumed_tail:
        raise Invalid("TOO_LARGE", f"the body is larger than {_MOST_BYTES} bytes when unpacked")
    if not unpacker.eof:
        raise Invalid("MALFORMED_JSON", "the gzip stream of the body ends early")
    return body


Body = Annotated[bytes, Depends(_body)]


def _documented(shown: list[dict[str, Any]], required: list[str]) -> dict[str, Any]:
    members = {
        "assetUUID": {"type": "string", "format": "uuid"},
        "timestamp": {"type": "integer", "description": "Start of the half-hour, epoch seconds (or milliseconds)."},
        "value": {"type": "number", "minimum": 0, "description": "kWh in the half-hour."},
        "type": {"type": "string", "enum": ["import", "export"], "default": "import"},
    }
    record = {
        "type": "object",
        "required": required,
        "properties": {name: members[name] for name in members if name in required or name == "type"},
    }
    schema = {"type": "array", "items": record}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": shown}}}}


@router.post(
    "/energy-consumption",
    status_code=201,
    operation_id="createEnergyConsumption",
    response_model=ReceiptOut,
    responses=answers(413, 415),
    openapi_extra=_documented(
        [{"assetUUID": ASSET, "timestamp": 1768496400, "value": 0.427, "type": "import"}],
        ["assetUUID", "timestamp", "value"],
    ),
)
def create_consumption(caller: FlexCaller, body: Body, db: Db, now: Now, request_id: RequestId) -> Response:
    """Take half-hours of any assets, 50,000 at most: all that hold, in one transaction. gzip is read.

    A record that does not hold is listed with its reason and stops no other. Sending the same again changes nothing.
    """
    return _take(caller, body, None, db, now, request_id)


@router.post(
    "/assets/{asset_uuid}/energy-consumption",
    status_code=201,
    operation_id="createAssetEnergyConsumption",
    response_model=ReceiptOut,
    responses=answers(404, 413, 415),
    openapi_extra=_documented([{"timestamp": 1768496400, "value": 0.427}], ["timestamp", "value"]),
)
def create_asset_consumption(
    caller: FlexCaller, asset_uuid: UUID, body: Body, db: Db, now: Now, request_id: RequestId
) -> Response:
    """Take half-hours of one asset."""
    db.read(consumption.require_asset, caller.tenant, asset_uuid)
    return _take(caller, body, str(asset_uuid), db, now, request_id)


def _take(caller: FlexCaller, body: bytes, asset: str | None, db: Db, now: datetime, request_id: str) -> Response:
    most = caller.tenant.section("flexibility", FlexibilitySettings).records_per_request
    at = int(db.read(time_of, caller.tenant, now).timestamp())
    decoded = records.decode(body, most=most, now=at, asset=asset)
    receipt = db.write(consumption.take, caller.tenant, decoded, who=caller.actor(request_id), now=now)
    return Response(_receipt(receipt), 201, media_type="application/json")


def _receipt(receipt: Receipt) -> bytes:
    rejected = [
        {"index": each.index, "assetUUID": each.asset_uuid, "timestamp": each.timestamp, "reason": each.reason}
        for each in receipt.rejected
    ]
    answer = {
        "ingestId": str(receipt.ingest_id),
        "accepted": receipt.accepted,
        "updated": receipt.updated,
        "unchanged": receipt.unchanged,
        "rejectedCount": receipt.rejected_count,
        "rejected": rejected,
    }
    return msgspec.json.encode(answer)


@router.get(
    "/assets/{asset_uuid}/energy-consumption",
    operation_id="listAssetEnergyConsumption",
    responses=answers(404),
)
def list_consumption(
    caller: FlexCaller,
    asset_uuid: UUID,
    db: Db,
    now: Now,
    paging: Paged,
    start: Annotated[datetime | None, Query(alias="from", examples=["2026-01-15T00:00:00Z"])] = None,
    end: Annotated[datetime | None, Query(alias="to", examples=["2026-01-16T00:00:00Z"])] = None,
    channel: Annotated[Channel | None, Query(alias="type")] = None,
    as_of: Annotated[datetime | None, Query(alias="asOf", description="What was known at this instant.")] = None,
    wait_for: Annotated[UUID | None, Query(alias="waitFor", description="An `ingestId` that must be in it.")] = None,
) -> Page[ConsumptionOut]:
    """Half-hours that start in [from, to), by default of the last 31 days; gaps are left out.

    `from`, `to` and `asOf` are ISO 8601 or epoch seconds.
    """
    if wait_for is not None:
        db.read(consumption.require_ingest, caller.tenant, wait_for)
    until = _aware(end) or db.read(time_of, caller.tenant, now)
    span = Span(_aware(start) or until - _DEFAULT_SPAN, until)
    found = db.read(consumption.read, caller.tenant, asset_uuid, span, as_of=_aware(as_of))
    listed = [(name, _present(each)) for name, each in sorted(found.items()) if channel in {None, name}]
    rows = [
        (at, name, value)
        for name, each in listed
        for at, value in zip(each.start.tolist(), each.value.tolist(), strict=True)
    ]
    rows.sort(key=lambda row: (row[0], row[1] == "export"))
    shown = rows[paging.offset : paging.offset + paging.page_size]
    return paging.of(
        [ConsumptionOut(asset_uuid=asset_uuid, timestamp=at, value=value, type=name) for at, name, value in shown],
        len(rows),
    )


def _present(readings: Readings) -> Readings:
    there = ~np.isnan(readings.value)
    return Readings(readings.start[there], readings.value[there], readings.quality[there], readings.known_at)


def _aware(instant: datetime | None) -> datetime | None:
    """An instant without a zone is UTC."""
    return instant if instant is None or instant.tzinfo is not None else instant.replace(tzinfo=UTC)

"""Readings of meters that are not known yet wait here until the meter appears or their time is over (rule V11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import zstandard
from sqlalchemy import Connection

from energygrid.metering import queries
from energygrid.metering.readings import Commodity, Flow, Kind, ReadingBatch, SeriesKey


class _Body(msgspec.Struct, array_like=True):
    """One meter's readings, columns as little-endian bytes."""

    keys: list[tuple[str, str, str, str, str, int, str]]
    index: bytes
    start: bytes
    value: bytes
    quality: bytes
    row: bytes
    labels: list[str]
    codes: bytes | None


def park(
    db: Connection, tenant_id: int, job_id: str, batch: ReadingBatch, unknown: Sequence[int], now: datetime
) -> int:
    """Park the readings of the series `unknown` (positions in `batch.series`), one row a meter; how many they are."""
    meters: dict[str, list[int]] = {}
    for position in unknown:
        meters.setdefault(batch.series[position].meter_id, []).append(position)
    parked = 0
    for meter_id, positions in meters.items():
        part = _of_series(batch, positions)
        parked += len(part)
        queries.insert_parked(
            db,
            tenant_id=tenant_id,
            meter_id=meter_id,
            job_id=job_id,
            parked_at=now,
            readings=len(part),
            body=_pack(part),
        )
    return parked


@dataclass(frozen=True, slots=True)
class Parked:
    """Readings of one meter that waited, and the job that brought them."""

    job_id: str
    batch: ReadingBatch


def take(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> list[Parked]:
    """Remove and return what is parked for some meters, oldest first."""
    return [Parked(job_id, _unpack(body)) for job_id, body in queries.take_parked(db, tenant_id, meter_ids)]


def select(batch: ReadingBatch, which: Any) -> ReadingBatch:
    """The readings `which` (bool or positions) of a batch; its series stay as they are."""
    return ReadingBatch(
        series=batch.series,
        index=batch.index[which],
        start=batch.start[which],
        value=batch.value[which],
        quality=batch.quality[which],
        row=batch.row[which],
        source_labels=batch.source_labels,
        source_code=None if batch.source_code is None else batch.source_code[which],
    )


def _of_series(batch: ReadingBatch, positions: Sequence[int]) -> ReadingBatch:
    """The readings of some series, with these series alone."""
    place = np.full(len(batch.series), -1, np.int32)
    place[list(positions)] = np.arange(len(positions), dtype=np.int32)
    part = select(batch, place[batch.index] >= 0)
    part.index = place[part.index]
    part.series = [batch.series[position] for position in positions]
    return part


def _pack(batch: ReadingBatch) -> bytes:
    body = _Body(
        [(k.meter_id, k.commodity, k.flow, k.kind, k.unit, k.interval_s, k.channel) for k in batch.series],
        batch.index.astype("<i4").tobytes(),
        batch.start.astype("<i8").tobytes(),
        batch.value.astype("<f8").tobytes(),
        batch.quality.tobytes(),
        batch.row.astype("<i8").tobytes(),
        batch.source_labels,
        None if batch.source_code is None else batch.source_code.astype("<i2").tobytes(),
    )
    return zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(body))


def _unpack(packed: bytes) -> ReadingBatch:
    body = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed), type=_Body)
    return ReadingBatch(
        series=[
            SeriesKey(meter, Commodity(commodity), Flow(flow), Kind(kind), unit, interval, channel)
            for meter, commodity, flow, kind, unit, interval, channel in body.keys
        ],
        index=np.frombuffer(body.index, "<i4").astype(np.int32),
        start=np.frombuffer(body.start, "<i8").astype(np.int64),
        value=np.frombuffer(body.value, "<f8").astype(np.float64),
        quality=np.frombuffer(body.quality, np.uint8),
        row=np.frombuffer(body.row, "<i8").astype(np.int64),
        source_labels=body.labels,
        source_code=None if body.codes is None else np.frombuffer(body.codes, "<i2").astype(np.int16),
    )

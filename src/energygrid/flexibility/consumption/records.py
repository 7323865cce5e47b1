"""Consumption records as they come: a JSON array of up to 50,000, decoded into columns. Pure.

A record that breaks a rule is rejected by itself and never fails the rest. Source: contracts/flexibility.md 1.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.readings import DAY_S, Bools, Float64s, Int64s

INTERVAL_S = 1800
MOST_LISTED = 1_000
_MILLISECONDS_FROM = 100_000_000_000
_EARLIEST = 946_684_800  # 2000-01-01
_MOST_KWH = 1e6
_HEX, _DASH, _END = 1, 2, 4
_UUID = np.array([_DASH if at in {8, 13, 18, 23} else _HEX for at in range(36)] + [_END], np.uint8)
"""What stands at each place of a UUID's text."""
_KINDS = np.zeros(256, np.uint8)
_KINDS[list(b"0123456789abcdef")], _KINDS[ord("-")], _KINDS[0] = _HEX, _DASH, _END


class Record(msgspec.Struct, gc=False):
    """`timestamp`: start of the half-hour, epoch seconds (or milliseconds); `value`: kWh in it."""

    assetUUID: str  # noqa: N815 - the wire keeps its spelling
    timestamp: int
    value: float
    type: Literal["import", "export"] = "import"


class AssetRecord(msgspec.Struct, gc=False):
    """The same below the path of its asset."""

    timestamp: int
    value: float
    type: Literal["import", "export"] = "import"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was not taken, by its position in the request."""

    index: int
    asset_uuid: str | None
    timestamp: int | None
    reason: str


@dataclass(slots=True)
class Records:
    """Records that hold by themselves; whether their assets exist is not known yet.

    assets  distinct UUIDs in canonical text, in order of appearance;  index  position in it
    start   epoch seconds UTC;  value  kWh;  export  channel;  row  position in the request
    """

    assets: list[str]
    index: Int64s
    start: Int64s
    value: Float64s
    export: Bools
    row: Int64s
    rejected: list[Rejected]

    def __len__(self) -> int:
        return len(self.start)

    def keep(self, kept: Bools) -> "Records":
        return replace(
            self,
            index=self.index[kept],
            start=self.start[kept],
            value=self.value[kept],
            export=self.export[kept],
            row=self.row[kept],
        )

    def without_unused(self) -> "Records":
        """With the assets alone that a record names."""
        used, index = np.unique(self.index, return_inverse=True)
        if len(used) == len(self.assets):
            return self
        return replace(self, assets=[self.assets[at] for at in used.tolist()], index=index)

    def refuse(self, refused: Bools, reason: str) -> "Records":
        """Without the records that are refused; they are listed."""
        if not refused.any():
            return self
        for at in np.flatnonzero(refused).tolist():
            where = self.assets[int(self.index[at])]
            self.rejected.append(Rejected(int(self.row[at]), where, int(self.start[at]), reason))
        return self.keep(~refused)


_RECORDS = msgspec.json.Decoder(list[Record])
_ASSET_RECORDS = msgspec.json.Decoder(list[AssetRecord])


def decode(body: bytes, *, most: int, now: int, asset: str | None = None) -> Records:
    """Columns of a request body.

    most   records that one request may have;  now  the tenant's instant [epoch s]
    asset  whose records they are, where the path says it
    Raises Invalid: MALFORMED_JSON, TOO_MANY_RECORDS.
    """
    rejected: list[Rejected] = []
    decoder: msgspec.json.Decoder[Any] = _RECORDS if asset is None else _ASSET_RECORDS
    try:
        records, rows = decoder.decode(body), None
    except msgspec.ValidationError:
        records, rows = _one_by_one(body, Record if asset is None else AssetRecord, asset, rejected, most)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("MALFORMED_JSON", f"the body is not a JSON array of records: {error}") from error
    if len(records) > most:
        raise Invalid("TOO_MANY_RECORDS", f"a request has {most} records at most, this one {len(records)}")
    return _checked(_columns(records, rows, asset, rejected), now)


def _one_by_one(
    body: bytes, kind: type[Any], asset: str | None, rejected: list[Rejected], most: int
) -> tuple[list[Any], list[int]]:
    """The records that read well, and where they stood."""
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("MALFORMED_JSON", f"the body is not a JSON array of records: {error}") from error
    if not isinstance(raw, list):
        raise Invalid("MALFORMED_JSON", "the body is a JSON array of records")
    if len(raw) > most:
        raise Invalid("TOO_MANY_RECORDS", f"a request has {most} records at most, this one {len(raw)}")
    records, rows = [], []
    for row, each in enumerate(raw):
        try:
            records.append(msgspec.convert(each, kind))
            rows.append(row)
        except msgspec.ValidationError as error:
            named = each if isinstance(each, dict) else {}
            whose, at = named.get("assetUUID", asset), named.get("timestamp")
            shown = whose if isinstance(whose, str) and len(whose) <= 64 else None
            when = at if isinstance(at, int) and not isinstance(at, bool) else None
            rejected.append(Rejected(row, shown, when, f"MALFORMED: {error}"))
    return records, rows


def _columns(records: Sequence[Any], rows: list[int] | None, asset: str | None, rejected: list[Rejected]) -> Records:
    count = len(records)
    if asset is None:
        named = [each.assetUUID for each in records]
        canonical = {name: name.strip().lower() for name in dict.fromkeys(named)}  # one asset may be spelt in two ways
        assets = list(dict.fromkeys(canonical.values()))
        position = {name: at for at, name in enumerate(assets)}
        place = {name: position[each] for name, each in canonical.items()}
        index = np.fromiter(map(place.__getitem__, named), np.int64, count)
    else:
        assets, index = [asset], np.zeros(count, np.int64)
    stamps = [each.timestamp for each in records]
    try:
        start = np.array(stamps, np.int64)
    except OverflowError:  # no instants at all; the checks say on which side
        start = np.array([min(max(at, -(2**62)), 2**62) for at in stamps], np.int64)
    export = np.fromiter((each.type == "export" for each in records), np.bool_, count)
    return Records(
        assets=assets,
        index=index,
        start=start,
        value=np.fromiter((each.value for each in records), np.float64, count),
        export=export,
        row=np.arange(count) if rows is None else np.array(rows, np.int64),
        rejected=rejected,
    )


def _checked(records: Records, now: int) -> Records:
    """What a record may say, whatever its asset is."""
    records.start = np.where(records.start >= _MILLISECONDS_FROM, records.start // 1000, records.start)
    known = _are_uuids(records.assets)
    records = records.refuse(~known[records.index], "UNKNOWN_ASSET: there is no such asset")
    records = records.refuse(records.value < 0, "NEGATIVE: a value is 0 or more, in both channels")
    too_much = ~(records.value <= _MOST_KWH)
    records = records.refuse(too_much, f"TOO_MUCH: more than {_MOST_KWH:.0f} kWh in one half-hour")
    records = records.refuse(records.start < _EARLIEST, "TOO_OLD: before the year 2000")
    records = records.refuse(records.start > now + DAY_S, "IN_FUTURE: more than a day ahead")
    return records.refuse(records.start % INTERVAL_S != 0, "OFF_GRID: a timestamp is the start of a half-hour")


def _are_uuids(names: Sequence[str]) -> Bools:
    """Which are UUIDs in canonical text."""
    told = [name if name.isascii() and "\0" not in name else "" for name in names]
    letters = np.array(told, "S37").view(np.uint8).reshape(len(told), len(_UUID))
    fits: Bools = np.logical_and.reduce(_KINDS[letters] & _UUID, axis=1)
    return fits

"""NEM13: accumulation meter data of the Australian market, two index reads and their difference a record
(powerbox.md 4.2).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from energygrid.errors import Invalid
from energygrid.metering.importers import nem
from energygrid.metering.importers.collect import Collector
from energygrid.metering.importers.nem import BadRecord, Record
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.readings import Flow, Parsed

NAME = "nem13"

_FLOWS = {"E": Flow.DELIVERED, "I": Flow.RECEIVED}
"""DirectionIndicator, as the grid sees it: E is energy exported from it, to the customer."""


def sniff(head: bytes, name: str) -> bool:
    del name
    return nem.is_header(head, b"NEM13")


def parse(source: BinaryIO, options: ImportOptions) -> Iterator[Parsed]:
    """Index reads; the quantity between the two of a record, which a multiplier may enter, becomes a note.

    Raises Invalid BAD_FILE when the 100 or 900 record is missing or a record is of no NEM13 kind.
    """
    out = Collector(options)
    good = False
    for record in nem.records(source, options, "NEM13"):
        if record.kind not in {"250", "550"}:
            raise Invalid("BAD_FILE", f"{record.kind[:8]!r} is not a record of NEM13", line=record.row)
        try:
            if record.kind == "250":
                good = False
                _add_reads(out, record, options)
                good = True
            else:
                _check_transaction(record, good=good)
        except BadRecord as problem:
            out.reject(record.row, problem.code, problem.message, record.text)
        if out.full:
            yield out.take()
    yield out.take(last=True)


def _add_reads(out: Collector, record: Record, options: ImportOptions) -> None:
    fields = nem.exactly(record.fields, 23)
    key = nem.series_key(options.meter_map, fields[1], fields[4], fields[19], 0)
    if fields[7] not in _FLOWS:
        raise BadRecord("BAD_DIRECTION", f"{fields[7][:8]!r} is not E or I")
    key = replace(key, flow=_FLOWS[fields[7]])
    quantity = float(nem.numbers([fields[18]], blank_is_missing=False)[0])
    reads = [_read(fields[at : at + 5]) for at in (8, 13)]
    if reads[0][0] >= reads[1][0]:
        raise BadRecord("BAD_DATE", "the current read is not after the previous one")
    for at, value, method in reads:
        out.add_register(record.row, key, at, value, int(method.quality))
        if not method.complete:
            out.note(record.row, "QUALITY_INCOMPLETE", "the quality flag lacks its method, reason or description")
    labels = "/".join(method.label or "A" for _, _, method in reads)
    message = (
        f"{key.meter_id} {key.channel}: {quantity:.15g} {key.unit} from {fields[9]} to {fields[14]}, quality {labels}"
    )
    out.note(record.row, "REGISTER_QUANTITY", message)


def _read(fields: list[str]) -> tuple[int, float, nem.Method]:
    method = nem.method(*fields[2:5])
    if method.variable:
        raise BadRecord("BAD_QUALITY", "an index read cannot have quality V")
    return nem.instant(fields[1], 14), float(nem.numbers(fields[:1], blank_is_missing=False)[0]), method


def _check_transaction(record: Record, *, good: bool) -> None:
    """A 550 record says what the reader came for; there is nothing to keep of it."""
    if not good:
        raise BadRecord("RECORD_ORDER", "a 550 record stands without a good 250 record before it")
    nem.exactly(record.fields, 5)

"""Billing files: CSV with a header, NDJSON, or a JSON array; read as a stream, complaints by line."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO, TextIO

import msgspec
from pydantic import ValidationError

from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.rows import ROWS, record_of
from energygrid.billing.records.values import DateRules, squash
from energygrid.errors import Invalid
from energygrid.ingest.rows import Note, Reject

_DECODER = msgspec.json.Decoder(float_hook=str)
"""Decimals stay as they are written: a float would change them."""

MOST_JSON_ARRAY = 32 << 20
_LONGEST_LINE = 1 << 20
_LONGEST_STATEMENT = 8 << 20
"""A statement brings its document along in base64."""
_LINE_COLUMNS = ("kind", "name", "quantity", "unit", "price", "amount")
_LINE_PREFIX = "line"

_SPELT = {"contractaccount": "ContractAccount", "meterid": "MeterID", "supplierid": "SupplierID"}
_KEY_COLUMN = {
    RecordKind.SUPPLIER: "supplierid",
    RecordKind.POWER_QUALITY: "meterid",
    RecordKind.LOCATION: "meterid",
    RecordKind.DEVICE: "meterid",
}
"""Columns without which a CSV is no such file."""

Raw = tuple[int, dict[str, Any], str]
"""First line of the record, its members by squashed name, and its text for complaints."""


def read(source: BinaryIO, kind: RecordKind, rules: DateRules, currency: str) -> Iterator[Record | Reject | Note]:
    """Records and complaints in the order of the file, each record once. Personal rows are not quoted in complaints.

    Raises Invalid("BAD_FILE") when it is not such a file at all.
    """
    for found in _read(source, kind, rules, currency):
        yield replace(found, text="") if kind.is_personal and isinstance(found, Reject) else found


def _read(source: BinaryIO, kind: RecordKind, rules: DateRules, currency: str) -> Iterator[Record | Reject | Note]:
    seen: dict[str, bytes] = {}
    for found in _raw(source, kind):
        if isinstance(found, Reject):
            yield found
            continue
        number, members, text = found
        try:
            row = ROWS[kind].model_validate(members, context=rules)
        except ValidationError as error:
            yield _reject(number, error, text)
            continue
        record = record_of(row, number, currency)
        known = seen.get(record.id)
        if known is None:
            seen[record.id] = record.fingerprint
            yield record
            yield from _doubts(record)
        elif known == record.fingerprint:
            yield Note(number, "REPEATED", "the same record came earlier in the file")
        else:
            message = "the record came earlier in the file with other content"
            yield Reject(number, "DUPLICATE_RECORD", message, text[:200])


def _doubts(record: Record) -> Iterator[Note]:
    total = record.columns.get("total")
    if total is not None and any(line.kind != "TAX" for line in record.lines):
        printed = sum(line.amount for line in record.lines)
        if printed != total:
            message = f"the lines sum to {printed}, the total is {total}"
            yield Note(record.row, "LINES_DO_NOT_SUM", message)


def _reject(number: int, error: ValidationError, text: str) -> Reject:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    missing = first["type"] == "missing"
    message = f"{place} {first['msg']}" if place else str(first["msg"])
    return Reject(number, "MISSING_FIELD" if missing else "INVALID_VALUE", message[:500], text[:200])


def _raw(source: BinaryIO, kind: RecordKind) -> Iterator[Raw | Reject]:
    head = b""
    while not head:
        line = source.readline(_LONGEST_LINE)
        if not line:
            raise Invalid("BAD_FILE", "the file is empty", line=1)
        head = line.removeprefix(b"\xef\xbb\xbf").strip() and line.removeprefix(b"\xef\xbb\xbf")
    lines = _Prefixed(head, source)
    match head.lstrip()[:1]:
        case b"[":
            return _from_array(head + source.read(MOST_JSON_ARRAY + 1))
        case b"{":
            return _from_lines(lines, _LONGEST_STATEMENT if kind is RecordKind.STATEMENT else _LONGEST_LINE)
        case _:
            return _from_csv(lines, kind)


class _Prefixed(io.RawIOBase):
    """A stream with its first line put back."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _from_array(body: bytes) -> Iterator[Raw | Reject]:
    if len(body) > MOST_JSON_ARRAY:
        raise Invalid("BAD_FILE", "a JSON array this large must be sent as NDJSON, one object a line", line=1)
    try:
        items = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("BAD_FILE", f"not JSON: {error}", line=1) from error
    for number, item in enumerate(items, 1):
        yield _object(number, item, json.dumps(item)[:200])


def _from_lines(source: io.RawIOBase, longest: int) -> Iterator[Raw | Reject]:
    reader = io.BufferedReader(source)
    number = 0
    while line := reader.readline(longest):
        number += 1
        text = line[:200].decode("utf-8", errors="replace").strip()
        if not line.strip():
            continue
        if len(line) == longest and not line.endswith(b"\n"):
            raise Invalid("BAD_FILE", f"line {number} is longer than {longest >> 20} MiB", line=number)
        try:
            item = _DECODER.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            yield Reject(number, "MALFORMED_JSON", str(error)[:500], text)
            continue
        yield _object(number, item, text)


def _object(number: int, item: Any, text: str) -> Raw | Reject:
    if not isinstance(item, dict):
        return Reject(number, "MALFORMED_JSON", "not a JSON object", text)
    return number, _squashed(item), text


def _squashed(item: dict[str, Any]) -> dict[str, Any]:
    """Members by the names they are compared under, at every depth; a null is an absent member."""
    return {squash(name): _squashed_value(value) for name, value in item.items() if value is not None}


def _squashed_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _squashed(value)
    return [_squashed_value(each) for each in value] if isinstance(value, list) else value


def _from_csv(source: io.RawIOBase, kind: RecordKind) -> Iterator[Raw | Reject]:
    text = io.TextIOWrapper(io.BufferedReader(source), encoding="utf-8", newline="")
    rows = _csv_rows(text, _KEY_COLUMN.get(kind, "contractaccount"))
    match kind:
        case RecordKind.INVOICE:
            return _invoices(rows)
        case RecordKind.AGREEMENT:
            return _with_program(rows)
        case _:
            return _with_charges(rows)


def _csv_rows(text: TextIO, needed: str) -> Iterator[Raw | Reject]:
    reader = csv.reader(text, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        names = [name if ":" in name else squash(name) for name in header]
        if needed not in names:
            raise Invalid("BAD_FILE", f"the header has no column {_SPELT[needed]}", line=1)
        if len(set(names)) < len(names):
            raise Invalid("BAD_FILE", "the header names a column twice", line=1)
        for cells in reader:
            if not cells:
                continue
            line = reader.line_num
            text_of = ",".join(cells)[:200]
            if len(cells) != len(names):
                yield Reject(line, "WRONG_FIELD_COUNT", f"{len(cells)} fields instead of {len(names)}", text_of)
                continue
            members = {name: cell.strip() for name, cell in zip(names, cells, strict=True) if cell.strip()}
            yield line, members, text_of
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid("BAD_FILE", f"line {reader.line_num + 1}: {error}", line=reader.line_num + 1) from error


def _with_charges(rows: Iterable[Raw | Reject]) -> Iterator[Raw | Reject]:
    """Columns `Charge:<name>` and `Tax:<name>` are line items."""
    for found in rows:
        if isinstance(found, Reject):
            yield found
            continue
        line, members, text = found
        charges = [name for name in members if ":" in name]
        if charges:
            members["lineitems"] = [
                {
                    "kind": "TAX" if squash(name.split(":", 1)[0]) == "tax" else "OTHER",
                    "name": name.split(":", 1)[1].strip(),
                    "amount": members.pop(name),
                }
                for name in charges
            ]
        yield line, members, text


def _with_program(rows: Iterable[Raw | Reject]) -> Iterator[Raw | Reject]:
    """Columns ProgramName, ProgramStatus and ProgramDescription are the agreement's one programme."""
    for found in rows:
        if not isinstance(found, Reject):
            members = found[1]
            program = {
                name: members.pop("program" + name)
                for name in ("name", "status", "description")
                if "program" + name in members
            }
            if program:
                members["programs"] = [program]
        yield found


def _invoices(rows: Iterable[Raw | Reject]) -> Iterator[Raw | Reject]:
    """Rows of one invoice follow one another, one line item each; the first row names the invoice's own facts."""
    current: tuple[int, dict[str, Any], str] | None = None
    seen: set[str] = set()
    for found in rows:
        if isinstance(found, Reject):
            yield found
            continue
        line, members, text = found
        item = {name: members.pop(_LINE_PREFIX + name) for name in _LINE_COLUMNS if _LINE_PREFIX + name in members}
        number = members.get("invoicenumber")
        if current is not None and number is not None and current[1].get("invoicenumber") == number:
            current[1]["lineitems"].append(item)
            continue
        if current is not None:
            yield current
            current = None
        if number in seen:
            message = f"invoice {number} came earlier in the file; its rows belong together"
            yield Reject(line, "INVOICE_SPLIT", message, text)
            continue
        seen.add(str(number))
        current = (line, members | {"lineitems": [item] if item else []}, text)
    if current is not None:
        yield current

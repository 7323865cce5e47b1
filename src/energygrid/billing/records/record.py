"""A record as it is stored, whatever its kind."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any


class RecordKind(StrEnum):
    MCH = "mch"
    INVOICE = "invoice"
    PAYMENT_PLAN = "payment_plan"
    TERMINATION = "termination"
    AGREEMENT = "agreement"
    SUPPLIER = "supplier"
    ACCOUNT = "account"
    STATEMENT = "statement"
    POWER_QUALITY = "power_quality"
    LOCATION = "location"
    DEVICE = "device"

    @property
    def is_personal(self) -> bool:
        """Whether its files name people or places."""
        return self in {RecordKind.ACCOUNT, RecordKind.STATEMENT, RecordKind.LOCATION}


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    name: str
    quantity: Decimal | None
    unit: str | None
    price: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored: the columns of its table, and a bill's lines.

    row       its first line in the file
    facts     what is kept as a document beside the columns; None where the kind has none, or nothing was sent
    personal  names, addresses and the like, clear until they are sealed for storing
    file      a statement's document
    """

    kind: RecordKind
    id: str
    row: int
    columns: Mapping[str, Any]
    lines: tuple[Line, ...] = ()
    facts: Mapping[str, Any] | None = None
    personal: Mapping[str, str] = field(default_factory=dict)
    file: bytes | None = None

    @property
    def content(self) -> bytes:
        """Everything that, changed, makes a new revision; a part that the record lacks is left out."""
        content: list[Any] = [dict(self.columns), [asdict(line) for line in self.lines]]
        if self.facts is not None:
            content.append(dict(self.facts))
        if self.personal:
            content.append(dict(self.personal))
        if self.file is not None:
            content.append(hashlib.sha256(self.file).hexdigest())
        return json.dumps(content, default=str, sort_keys=True).encode()

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(self.content).digest()


def record_id(prefix: str, *parts: object) -> str:
    """The same for every revision: what identifies the record, hashed."""
    return f"{prefix}_{hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:24]}"

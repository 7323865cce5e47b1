"""What an event comes to for one asset by one method: a row of `flex_statement`."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

PROCESSED, PENDING, EXPIRED = "PROCESSED", "PENDING", "EXPIRED"
"""Settled; waiting for readings; the deadline for readings has passed, and it counts as nothing delivered."""


class Statement(NamedTuple):
    """A row of `flex_statement`, see there."""

    tenant_id: int
    event_uuid: UUID
    kind: str
    method: str
    asset_uuid: UUID
    revision: int
    known_at: datetime
    state: str
    baseline: int | None
    actual: int | None
    export_baseline: int | None
    export_actual: int | None
    delivered: int
    amount: Decimal
    curves: bytes | None
    first_day: int
    days: str
    evidence: str
    digest: bytes

    def figures(self) -> tuple[object, ...]:
        """What makes another revision when it changes."""
        return (*self[7:17],)

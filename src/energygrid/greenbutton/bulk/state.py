"""What a bulk feed is made of, told by a few statements over all its consents, without building any part of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from energygrid.greenbutton.bulk import queries
from energygrid.greenbutton.bulk.selections import Selection

_MARGIN = timedelta(days=2)
"""A block of a day draws on its neighbours, and its day is that of some zone."""
_FIRST, _LAST = date(1, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class State:
    """digest: other than before whenever anything that the feed may show is; it may be so for less.

    changed_at  when anything last changed; None: there is nothing
    readings    how many interval readings there are at most
    """

    digest: str
    changed_at: datetime | None
    readings: int


def state(db: Connection, tenant_id: int, selection: Selection, low: int | None, high: int | None) -> State:
    """low, high: data times [s since 1970) that were asked for."""
    consents = [each.consent_id for each in selection.parts]
    first, last = _days(selection, low, high)
    facts: list[queries.Digest] = queries.digests(db, tenant_id, consents)
    if selection.kind == "usage":
        facts += queries.reading_digests(db, tenant_id, consents, first, last)
    times = [each.changed_at for each in facts if each.changed_at is not None]
    return State(
        digest=hashlib.sha256(repr(facts).encode()).hexdigest(),
        changed_at=max(times, default=None),
        readings=sum(each.readings for each in facts),
    )


def _days(selection: Selection, low: int | None, high: int | None) -> tuple[date, date]:
    """The days among which all data lie."""
    starts: Sequence[datetime | None] = [each.first for each in selection.parts]
    ends: Sequence[datetime | None] = [each.last for each in selection.parts]
    if selection.standing:
        starts, ends = [None], [None]
    known = [each for each in starts if each is not None], [each for each in ends if each is not None]
    firsts = [_day(low)] if low is not None else []
    lasts = [_day(high)] if high is not None else []
    if not selection.standing and known[0] and known[1]:
        firsts.append(min(known[0]).date())
        lasts.append(max(known[1]).date())
    first, last = max(firsts, default=_FIRST), min(lasts, default=_LAST)
    return (first if first == _FIRST else first - _MARGIN), (last if last == _LAST else last + _MARGIN)


def _day(seconds: int) -> date:
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        return _FIRST if seconds < 0 else _LAST

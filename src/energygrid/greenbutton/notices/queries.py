"""SQL of notices: what is still to be told, to whom, and under which consent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from energygrid.access.consents.tables import consent
from energygrid.access.third_parties.tables import third_party
from energygrid.customers.tables import contract
from energygrid.greenbutton.notices.tables import notice_address, notice_pending

_n, _a, _c, _p, _k = notice_pending.c, notice_address.c, consent.c, third_party.c, contract.c

READINGS, BILLS, POWER_QUALITY, CUSTOMER = "readings", "bills", "power quality", "customer"
AUTHORIZATION, APPLICATION = "authorization", "application"


@dataclass(frozen=True, slots=True)
class Pending:
    """One thing to tell a third party. `first` and `last` bound the data times that changed, where there are any."""

    kind: str
    about: str
    first: datetime | None
    last: datetime | None


_MERGE = """
    ON CONFLICT (tenant_id, client_id, kind, about) DO UPDATE
    SET first = least(notice_pending.first, excluded.first), last = greatest(notice_pending.last, excluded.last),
        due_at = least(notice_pending.due_at, excluded.due_at)
"""

_IN_FORCE = """
    JOIN consent c ON c.tenant_id = m.tenant_id AND c.id = m.consent_id AND c.customer_id = k.client_id
         AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > :now)
    JOIN third_party p ON p.client_id = c.client_id AND p.notify_uri IS NOT NULL
"""

# What changed, as far as the customer held the meter and shares that time. Always in one order, so that two that mark
# the same consents do not wait for each other in a circle.
_MARK_READINGS = text(
    f"""
    INSERT INTO notice_pending (tenant_id, client_id, kind, about, first, last, due_at)
    SELECT c.tenant_id, c.client_id, '{READINGS}', c.id,
           min(greatest(t.first, k.since, c.data_from)), max(least(t.last, k.until, c.data_until)), :due_at
    FROM unnest(CAST(:meters AS text[]), CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[]))
         AS t (meter_id, first, last)
    JOIN contract k ON k.tenant_id = :tenant_id AND k.meter_id = t.meter_id
    JOIN consent_meter m ON m.tenant_id = k.tenant_id AND m.meter_id = k.meter_id
    {_IN_FORCE}
    WHERE greatest(t.first, k.since, c.data_from) < least(t.last, k.until, c.data_until)
    GROUP BY c.tenant_id, c.client_id, c.id
    ORDER BY c.client_id, c.id
    {_MERGE}
    """  # noqa: S608 - constants of this module
)

# A bill, or a summary of power quality, is told of with its whole period: it is read whole or not at all.
_MARK_SUMMARIES = text(
    f"""
    WITH t AS (
        SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:meters AS text[]), CAST(:firsts AS timestamptz[]),
                             CAST(:lasts AS timestamptz[])) AS t (account_number, meter_id, first, last)
    ), k AS (
        SELECT k.*, t.first, t.last FROM t
        JOIN contract k ON k.tenant_id = :tenant_id AND k.account_number = t.account_number
        WHERE t.meter_id IS NULL OR t.meter_id = k.meter_id
        UNION ALL
        SELECT k.*, t.first, t.last FROM t
        JOIN contract k ON k.tenant_id = :tenant_id AND k.meter_id = t.meter_id
        WHERE t.account_number IS NULL
    )
    INSERT INTO notice_pending (tenant_id, client_id, kind, about, first, last, due_at)
    SELECT c.tenant_id, c.client_id, :kind, c.id, min(k.first), max(k.last), :due_at
    FROM k
    JOIN consent_meter m ON m.tenant_id = k.tenant_id AND m.meter_id = k.meter_id
    {_IN_FORCE}
    WHERE greatest(k.first, k.since, c.data_from) < least(k.last, k.until, c.data_until)
    GROUP BY c.tenant_id, c.client_id, c.id
    ORDER BY c.client_id, c.id
    {_MERGE}
    """  # noqa: S608 - as above
)

_MARK_CUSTOMERS = text(
    f"""
    INSERT INTO notice_pending (tenant_id, client_id, kind, about, due_at)
    SELECT c.tenant_id, c.client_id, '{CUSTOMER}', c.id, :due_at
    FROM consent c
    JOIN third_party p ON p.client_id = c.client_id AND p.notify_uri IS NOT NULL
    WHERE c.tenant_id = :tenant_id AND c.customer_id = ANY(CAST(:customers AS text[]))
          AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > :now)
    ORDER BY c.client_id, c.id
    {_MERGE}
    """  # noqa: S608 - as above
)


class Span(NamedTuple):
    """Data times [first, last) of one meter that changed."""

    meter_id: str
    first: datetime
    last: datetime


class SummarySpan(NamedTuple):
    """A bill's period [first, last), or that of a summary. `meter_id` None: it is the account's as a whole."""

    account_number: str | None
    meter_id: str | None
    first: datetime
    last: datetime


def anybody_listens(db: Connection, tenant_id: int) -> bool:
    """Whether any third party of the utility has a notification address."""
    statement = select(_p.client_id).where(_p.tenant_id == tenant_id, _p.notify_uri.is_not(None)).limit(1)
    return db.execute(statement).first() is not None


def mark_readings(db: Connection, tenant_id: int, spans: Sequence[Span], now: datetime, due_at: datetime) -> int:
    """How many consents have something to be told of."""
    meters, firsts, lasts = (list(column) for column in zip(*spans, strict=True))
    values = {"tenant_id": tenant_id, "meters": meters, "firsts": firsts, "lasts": lasts}
    return db.execute(_MARK_READINGS, values | {"now": now, "due_at": due_at}).rowcount


def mark_summaries(
    db: Connection, tenant_id: int, kind: str, spans: Sequence[SummarySpan], now: datetime, due_at: datetime
) -> int:
    accounts, meters, firsts, lasts = (list(column) for column in zip(*spans, strict=True))
    values = {"tenant_id": tenant_id, "accounts": accounts, "meters": meters, "firsts": firsts, "lasts": lasts}
    return db.execute(_MARK_SUMMARIES, values | {"kind": kind, "now": now, "due_at": due_at}).rowcount


def mark_customers(db: Connection, tenant_id: int, customer_ids: Sequence[str], now: datetime, due_at: datetime) -> int:
    values = {"tenant_id": tenant_id, "customers": list(customer_ids), "now": now, "due_at": due_at}
    return db.execute(_MARK_CUSTOMERS, values).rowcount


def holders(db: Connection, tenant_id: int, accounts: Sequence[str], meters: Sequence[str]) -> list[str]:
    """Customers who have or had one of the accounts, or have one of the meters now."""
    live = and_(_k.meter_id.in_(meters), _k.until.is_(None))
    statement = select(_k.client_id).where(_k.tenant_id == tenant_id, or_(_k.account_number.in_(accounts), live))
    return list(db.execute(statement.distinct()).scalars())


def mark(db: Connection, tenant_id: int, client_id: str, kind: str, about: str, due_at: datetime) -> None:
    """Something without a data time."""
    statement = insert(notice_pending).values(
        tenant_id=tenant_id, client_id=client_id, kind=kind, about=about, due_at=due_at
    )
    key = ["tenant_id", "client_id", "kind", "about"]
    soonest = func.least(_n.due_at, statement.excluded.due_at)
    db.execute(statement.on_conflict_do_update(index_elements=key, set_={"due_at": soonest}))


def due_clients(db: Connection, tenant_id: int, now: datetime) -> list[str]:
    """Third parties with something that is due."""
    statement = select(_n.client_id).where(_n.tenant_id == tenant_id, _n.due_at <= now).distinct()
    return sorted(db.execute(statement).scalars())


def due_tenants(db: Connection, now: datetime) -> list[int]:
    return sorted(db.execute(select(_n.tenant_id).where(_n.due_at <= now).distinct()).scalars())


def next_due(db: Connection, tenant_id: int) -> datetime | None:
    found: datetime | None = db.execute(select(func.min(_n.due_at)).where(_n.tenant_id == tenant_id)).scalar_one()
    return found


def take(db: Connection, tenant_id: int, client_id: str) -> list[Pending]:
    """Remove and return everything that is to be told to a third party, due or not."""
    statement = delete(notice_pending).where(_n.tenant_id == tenant_id, _n.client_id == client_id)
    taken = db.execute(statement.returning(*(notice_pending.c[name] for name in Pending.__slots__)))
    return sorted((Pending(*row) for row in taken), key=lambda each: (each.kind, each.about))


def in_force(db: Connection, tenant_id: int, client_id: str, now: datetime) -> dict[str, str]:
    """Granted scope by consent, of a third party's consents that hold."""
    statement = select(_c.id, _c.scope).where(
        _c.tenant_id == tenant_id,
        _c.client_id == client_id,
        _c.revoked_at.is_(None),
        or_(_c.expires_at.is_(None), _c.expires_at > now),
    )
    return {row.id: row.scope for row in db.execute(statement)}


def endpoint_of(db: Connection, tenant_id: int, client_id: str) -> str | None:
    statement = select(_a.endpoint_id).where(_a.tenant_id == tenant_id, _a.client_id == client_id)
    return db.execute(statement).scalar_one_or_none()


def insert_address(db: Connection, tenant_id: int, client_id: str, endpoint_id: str) -> None:
    db.execute(insert(notice_address).values(tenant_id=tenant_id, client_id=client_id, endpoint_id=endpoint_id))

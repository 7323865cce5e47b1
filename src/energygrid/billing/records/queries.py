"""SQL of what utilities send: bills, payment plans, terminations, and records that are kept as documents."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from energygrid.billing.records.facts import FACT_ROWS
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.tables import statement_file, utility_record
from energygrid.billing.tables import account_termination, bill, bill_line, payment_plan
from energygrid.customers.tables import contract, customer

TABLES: Mapping[RecordKind, Table] = {
    RecordKind.MCH: bill,
    RecordKind.INVOICE: bill,
    RecordKind.PAYMENT_PLAN: payment_plan,
    RecordKind.TERMINATION: account_termination,
    **dict.fromkeys(FACT_ROWS, utility_record),
}

_LOCK = 0x42696C6C  # "Bill"


@dataclass(frozen=True, slots=True)
class Revision:
    """A record about to be written. sealed: its columns of personal data; file: its document, sealed."""

    record: Record
    number: int
    fingerprint: bytes
    sealed: Mapping[str, Any]
    file: bytes | None


@dataclass(frozen=True, slots=True)
class Current:
    revision: int
    fingerprint: bytes


def lock_records(db: Connection, tenant_id: int) -> None:
    """One writer of billing records per tenant at a time, until the transaction ends."""
    key = select(func.pg_advisory_xact_lock(_LOCK, func.hashint8(tenant_id)))
    db.execute(key)


def current(db: Connection, tenant_id: int, kind: RecordKind, ids: Sequence[str]) -> dict[str, Current]:
    table = TABLES[kind]
    statement = select(table.c.id, table.c.revision, table.c.fingerprint).where(
        table.c.tenant_id == tenant_id, table.c.id.in_(ids), table.c.superseded_at.is_(None)
    )
    return {row.id: Current(row.revision, bytes(row.fingerprint)) for row in db.execute(statement)}


def stored_by(db: Connection, tenant_id: int, kind: RecordKind, job_id: str, ids: Sequence[str]) -> dict[str, int]:
    """Revisions that this job has written, by record."""
    table = TABLES[kind]
    statement = select(table.c.id, table.c.revision).where(
        table.c.tenant_id == tenant_id, table.c.id.in_(ids), table.c.job_id == job_id
    )
    return {row.id: row.revision for row in db.execute(statement)}


def supersede(db: Connection, tenant_id: int, kind: RecordKind, ids: Sequence[str], now: datetime) -> None:
    table = TABLES[kind]
    if ids:
        db.execute(
            update(table)
            .where(table.c.tenant_id == tenant_id, table.c.id.in_(ids), table.c.superseded_at.is_(None))
            .values(superseded_at=now)
        )


def insert_records(db: Connection, tenant_id: int, job_id: str, revisions: Sequence[Revision], now: datetime) -> None:
    """Records of one kind with their lines and files."""
    if not revisions:
        return
    table = TABLES[revisions[0].record.kind]
    rows = [
        {
            **each.record.columns,
            **({"facts": each.record.facts} if "facts" in table.c else {}),
            **each.sealed,
            "tenant_id": tenant_id,
            "id": each.record.id,
            "revision": each.number,
            "fingerprint": each.fingerprint,
            "job_id": job_id,
            "known_at": now,
        }
        for each in revisions
    ]
    db.execute(insert(table), rows)
    if lines := [line for each in revisions for line in _lines(tenant_id, each)]:
        db.execute(insert(bill_line), lines)
    files = [
        {"tenant_id": tenant_id, "record_id": each.record.id, "revision": each.number, "body": each.file}
        for each in revisions
        if each.file is not None
    ]
    if files:
        db.execute(insert(statement_file), files)


def _lines(tenant_id: int, revision: Revision) -> Iterator[dict[str, Any]]:
    key = {"tenant_id": tenant_id, "bill_id": revision.record.id, "revision": revision.number}
    for number, line in enumerate(revision.record.lines, 1):
        yield {**key, "number": number, **asdict(line)}


def facts(
    db: Connection,
    tenant_id: int,
    kind: RecordKind,
    *,
    accounts: Sequence[str] | None = None,
    meters: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
) -> Sequence[Row[Any]]:
    """Current records of a kind that match everything given, by id; `first_known_at` is of their first revision."""
    r = utility_record.c
    first = utility_record.alias("first")
    statement = (
        select(utility_record, first.c.known_at.label("first_known_at"))
        .join(first, (first.c.tenant_id == r.tenant_id) & (first.c.id == r.id) & (first.c.revision == 1))
        .where(r.tenant_id == tenant_id, r.kind == kind.value, r.superseded_at.is_(None))
    )
    for column, wanted in ((r.account_number, accounts), (r.meter_id, meters), (r.id, ids)):
        if wanted is not None:
            statement = statement.where(column.in_(wanted))
    return db.execute(statement.order_by(r.id)).all()


def sealed_file(db: Connection, tenant_id: int, record_id: str, revision: int) -> bytes | None:
    f = statement_file.c
    statement = select(f.body).where(f.tenant_id == tenant_id, f.record_id == record_id, f.revision == revision)
    return db.execute(statement).scalar()


def accounts_held_alone(db: Connection, tenant_id: int, client_id: str) -> list[str]:
    """Accounts that this client has or had, and nobody else has."""
    mine, other = contract.c, contract.alias("other").c
    shared = (
        select(other.id)
        .where(
            other.tenant_id == tenant_id,
            other.account_number == mine.account_number,
            other.client_id != client_id,
            other.until.is_(None),
        )
        .exists()
    )
    statement = select(mine.account_number).where(
        mine.tenant_id == tenant_id, mine.client_id == client_id, mine.account_number.is_not(None), ~shared
    )
    return sorted(set(db.execute(statement).scalars()))


def meters_left_alone(db: Connection, tenant_id: int, client_id: str) -> list[str]:
    """Meters that this client holds or held, and nobody else holds."""
    mine, other = contract.c, contract.alias("other").c
    shared = (
        select(other.id)
        .where(
            other.tenant_id == tenant_id,
            other.meter_id == mine.meter_id,
            other.client_id != client_id,
            other.until.is_(None),
        )
        .exists()
    )
    statement = select(mine.meter_id).where(mine.tenant_id == tenant_id, mine.client_id == client_id, ~shared)
    return sorted(set(db.execute(statement).scalars()))


def forget_accounts(db: Connection, tenant_id: int, accounts: Sequence[str], kinds: Sequence[RecordKind]) -> None:
    """Delete every revision of these accounts' records, with their files."""
    r = utility_record.c
    names = [kind.value for kind in kinds]
    gone = delete(utility_record).where(r.tenant_id == tenant_id, r.account_number.in_(accounts), r.kind.in_(names))
    db.execute(gone)


def blank_personal(db: Connection, tenant_id: int, meters: Sequence[str]) -> None:
    """Drop what is personal of every revision of these meters' records."""
    r = utility_record.c
    rows = update(utility_record).where(r.tenant_id == tenant_id, r.meter_id.in_(meters))
    db.execute(rows.values(personal=None, personal_sealed=None))


def bills(
    db: Connection,
    tenant_id: int,
    *,
    account_number: str | None = None,
    meter_id: str | None = None,
    of_no_meter: bool = False,
    ids: Sequence[str] | None = None,
) -> Sequence[Row[Any]]:
    """Current bills that match everything given, oldest period first."""
    b = bill.c
    statement = select(bill).where(b.tenant_id == tenant_id, b.superseded_at.is_(None))
    if account_number is not None:
        statement = statement.where(b.account_number == account_number)
    if meter_id is not None:
        statement = statement.where(b.meter_id == meter_id)
    if of_no_meter:
        statement = statement.where(b.meter_id.is_(None))
    if ids is not None:
        statement = statement.where(b.id.in_(ids))
    return db.execute(statement.order_by(b.start_date, b.source, b.id)).all()


def bill_periods(db: Connection, tenant_id: int, meter_id: str) -> list[tuple[date, date]]:
    """Periods of a meter's current bills, the latest first."""
    b = bill.c
    statement = (
        select(b.start_date, b.end_date)
        .where(b.tenant_id == tenant_id, b.meter_id == meter_id, b.superseded_at.is_(None))
        .distinct()
        .order_by(b.start_date.desc(), b.end_date.desc())
    )
    return [(row.start_date, row.end_date) for row in db.execute(statement)]


def lines_of(db: Connection, tenant_id: int, ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Lines of the current revisions, in their order."""
    b, n = bill.c, bill_line.c
    statement = (
        select(bill_line)
        .join(bill, (b.tenant_id == n.tenant_id) & (b.id == n.bill_id) & (b.revision == n.revision))
        .where(n.tenant_id == tenant_id, n.bill_id.in_(ids), b.superseded_at.is_(None))
        .order_by(n.bill_id, n.number)
    )
    return db.execute(statement).all()


def payment_plans(db: Connection, tenant_id: int, account_number: str) -> Sequence[Row[Any]]:
    p = payment_plan.c
    statement = select(payment_plan).where(
        p.tenant_id == tenant_id, p.account_number == account_number, p.superseded_at.is_(None)
    )
    return db.execute(statement.order_by(p.start_date, p.id)).all()


def lock_termination(db: Connection, tenant_id: int, termination_id: str, revision: int) -> Row[Any] | None:
    """The termination if it is still current and waits to be applied."""
    t = account_termination.c
    statement = select(account_termination).where(
        t.tenant_id == tenant_id,
        t.id == termination_id,
        t.revision == revision,
        t.superseded_at.is_(None),
        t.applied_at.is_(None),
    )
    return db.execute(statement.with_for_update()).first()


def mark_applied(db: Connection, tenant_id: int, termination_id: str, revision: int, now: datetime) -> None:
    t = account_termination.c
    db.execute(
        update(account_termination)
        .where(t.tenant_id == tenant_id, t.id == termination_id, t.revision == revision)
        .values(applied_at=now)
    )


def end_contracts(
    db: Connection, tenant_id: int, account_number: str, premise_id: str | None, at: datetime
) -> Sequence[Row[tuple[str, str]]]:
    """End an account's live contracts; returns (client, meter) of each.

    The customers' fingerprints are cleared, so that the utility's next push is compared afresh.
    """
    c = contract.c
    statement = (
        update(contract)
        .where(c.tenant_id == tenant_id, c.account_number == account_number, c.until.is_(None))
        .values(until=func.greatest(c.since, at))
        .returning(c.client_id, c.meter_id)
    )
    if premise_id is not None:
        statement = statement.where(c.premise_id == premise_id)
    ended = db.execute(statement).all()
    clients = sorted({row.client_id for row in ended})
    if clients:
        db.execute(
            update(customer)
            .where(customer.c.tenant_id == tenant_id, customer.c.client_id.in_(clients))
            .values(fingerprint=None)
        )
    return ended


def held_meters(db: Connection, tenant_id: int, meter_ids: Sequence[str]) -> set[str]:
    """Those meters that somebody still holds."""
    c = contract.c
    statement = select(c.meter_id).where(c.tenant_id == tenant_id, c.meter_id.in_(meter_ids), c.until.is_(None))
    return set(db.execute(statement).scalars())

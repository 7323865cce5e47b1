"""SQL of landed files and ingest jobs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from energygrid.database.driver import driver
from energygrid.ingest.rows import Note, Reject
from energygrid.ingest.tables import ingest_job, ingest_note, ingest_reject, landed_chunk

_TAKEN = ("queued", "running", "completed")
# Literal: with parameters a prepared statement would no longer match the partial index.
_IS_TAKEN = text("state IN ('queued', 'running', 'completed')")


def insert_chunks(db: Connection, tenant_id: int, upload_id: str, bodies: Iterable[bytes]) -> None:
    with (
        driver(db).cursor() as cursor,
        cursor.copy("COPY landed_chunk (tenant_id, upload_id, seq, body) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(["int8", "text", "int4", "bytea"])
        for seq, body in enumerate(bodies):
            copy.write_row((tenant_id, upload_id, seq, body))


def chunks(db: Connection, tenant_id: int, upload_id: str) -> Iterator[bytes]:
    """Compressed pieces in order, one round trip each: a file never stands in memory whole."""
    query = select(landed_chunk.c.body).where(
        landed_chunk.c.tenant_id == tenant_id, landed_chunk.c.upload_id == upload_id
    )
    seq = 0
    while (body := db.execute(query.where(landed_chunk.c.seq == seq)).scalar()) is not None:
        yield body
        seq += 1


def drop_chunks(db: Connection, tenant_id: int, upload_id: str) -> None:
    db.execute(delete(landed_chunk).where(landed_chunk.c.tenant_id == tenant_id, landed_chunk.c.upload_id == upload_id))


def insert_job_once(db: Connection, values: Mapping[str, Any]) -> bool:
    """False when the same file was taken before (then nothing is written)."""
    statement = (
        upsert(ingest_job)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["tenant_id", "kind", "sha256", "variant"], index_where=_IS_TAKEN)
        .returning(ingest_job.c.id)
    )
    return db.execute(statement).first() is not None


def insert_job(db: Connection, values: Mapping[str, Any]) -> None:
    db.execute(insert(ingest_job).values(**values))


def job_of_file(db: Connection, tenant_id: int, kind: str, sha256: bytes, variant: str) -> str | None:
    return db.execute(
        select(ingest_job.c.id).where(
            ingest_job.c.tenant_id == tenant_id,
            ingest_job.c.kind == kind,
            ingest_job.c.sha256 == sha256,
            ingest_job.c.variant == variant,
            ingest_job.c.state.in_(_TAKEN),
        )
    ).scalar()


def job(db: Connection, tenant_id: int, job_id: str, *, lock: bool = False) -> Row[Any] | None:
    query = select(ingest_job).where(ingest_job.c.tenant_id == tenant_id, ingest_job.c.id == job_id)
    return db.execute(query.with_for_update() if lock else query).first()


def jobs(
    db: Connection, tenant_id: int, *, kind: str | None, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Newest first, older than `before` (creation, id)."""
    query = select(ingest_job).where(ingest_job.c.tenant_id == tenant_id)
    if kind is not None:
        query = query.where(ingest_job.c.kind == kind)
    if before is not None:
        created, job_id = before
        query = query.where(
            (ingest_job.c.created_at < created) | ((ingest_job.c.created_at == created) & (ingest_job.c.id < job_id))
        )
    return db.execute(query.order_by(ingest_job.c.created_at.desc(), ingest_job.c.id.desc()).limit(limit)).all()


def update_job(db: Connection, tenant_id: int, job_id: str, **values: Any) -> None:
    db.execute(
        update(ingest_job).where(ingest_job.c.tenant_id == tenant_id, ingest_job.c.id == job_id).values(**values)
    )


def insert_rejects(db: Connection, tenant_id: int, job_id: str, first: int, rejects: Sequence[Reject]) -> None:
    if rejects:
        db.execute(
            insert(ingest_reject),
            [
                {
                    "tenant_id": tenant_id,
                    "job_id": job_id,
                    "seq": first + position,
                    "row": reject.row,
                    "code": reject.code,
                    "message": reject.message,
                    "text": reject.text[:200],
                }
                for position, reject in enumerate(rejects)
            ],
        )


def insert_notes(db: Connection, tenant_id: int, job_id: str, first: int, notes: Sequence[Note]) -> None:
    if notes:
        db.execute(
            insert(ingest_note),
            [
                {
                    "tenant_id": tenant_id,
                    "job_id": job_id,
                    "seq": first + position,
                    "row": note.row,
                    "code": note.code,
                    "message": note.message,
                }
                for position, note in enumerate(notes)
            ],
        )


def drop_findings(db: Connection, tenant_id: int, job_id: str) -> None:
    for table in (ingest_reject, ingest_note):
        db.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.job_id == job_id))


def rejects(db: Connection, tenant_id: int, job_id: str) -> list[Reject]:
    table = ingest_reject
    query = select(table.c.row, table.c.code, table.c.message, table.c.text).where(
        table.c.tenant_id == tenant_id, table.c.job_id == job_id
    )
    return [Reject(*found) for found in db.execute(query.order_by(table.c.seq))]


def count_rejects(db: Connection, tenant_id: int, job_id: str) -> int:
    table = ingest_reject
    query = select(func.count()).where(table.c.tenant_id == tenant_id, table.c.job_id == job_id)
    return int(db.execute(query).scalar_one())


def notes(db: Connection, tenant_id: int, job_id: str) -> list[Note]:
    table = ingest_note
    query = select(table.c.row, table.c.code, table.c.message).where(
        table.c.tenant_id == tenant_id, table.c.job_id == job_id
    )
    return [Note(*found) for found in db.execute(query.order_by(table.c.seq))]


def forgotten_uploads(db: Connection, older_than: datetime) -> list[tuple[int, str]]:
    """(tenant_id, upload_id) of files whose job ended before `older_than` and whose chunks may still stand."""
    query = select(ingest_job.c.tenant_id, ingest_job.c.upload_id).where(
        ingest_job.c.state.in_(["failed", "duplicate"]), ingest_job.c.finished_at < older_than
    )
    return [(tenant_id, upload_id) for tenant_id, upload_id in db.execute(query)]

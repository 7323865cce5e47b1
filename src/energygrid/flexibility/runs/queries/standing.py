"""SQL of runs that are being calculated, and of their jobs that have failed."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text


class Open(NamedTuple):
    """The newest run of an event and kind, if it is CALCULATING. `failed`: how many of its open parts have no job left
    that would compute them.
    """

    event_uuid: UUID
    kind: str
    revision: int
    started_at: datetime
    open: int
    failed: int


_OPEN = text("""
    SELECT run.event_uuid, run.kind, run.revision, run.started_at,
           count(part.part) AS open,
           count(part.part) FILTER (WHERE job.id IS NOT NULL) AS failed
    FROM (
        SELECT DISTINCT ON (event_uuid, kind) * FROM flex_run
        WHERE tenant_id = :tenant ORDER BY event_uuid, kind, revision DESC
    ) AS run
    LEFT JOIN flex_run_part AS part
        ON part.tenant_id = run.tenant_id AND part.event_uuid = run.event_uuid AND part.kind = run.kind
        AND part.revision = run.revision AND part.done_at IS NULL
    LEFT JOIN LATERAL (
        SELECT failed.id FROM procrastinate_jobs AS failed
        WHERE failed.status = 'failed' AND failed.task_name = :task
          AND failed.args @> jsonb_build_object(
              'tenant_id', run.tenant_id, 'event', run.event_uuid::text, 'kind', run.kind,
              'revision', run.revision, 'part', part.part)
        LIMIT 1
    ) AS job ON true
    WHERE run.state = 'CALCULATING'
    GROUP BY run.event_uuid, run.kind, run.revision, run.started_at
    ORDER BY run.started_at, run.event_uuid, run.kind
""")


def open_runs(db: Connection, tenant_id: int, task: str) -> list[Open]:
    return [Open(*row) for row in db.execute(_OPEN, {"tenant": tenant_id, "task": task})]

"""Jobs are enqueued inside the transaction of the change that causes them.

What the change commits, the job commits: nothing is lost between the two. The tasks themselves live in
`energygrid.jobs`; the domain knows them by name only.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Connection, DateTime, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import Integer, Text

DEFAULT_QUEUE = "default"

_DEFER = (
    text(
        """
    SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[
        ROW(:queue, :task, :priority, :lock, :queueing_lock, :args, :at)::procrastinate_job_to_defer_v1
    ]))
    """
    )
    .bindparams(
        bindparam("queue", type_=Text),
        bindparam("task", type_=Text),
        bindparam("priority", type_=Integer),
        bindparam("lock", type_=Text),
        bindparam("queueing_lock", type_=Text),
        bindparam("args", type_=JSONB),
        bindparam("at", type_=DateTime(timezone=True)),
    )
    .columns(id=BigInteger)
)


def defer(
    db: Connection,
    task: str,
    *,
    queue: str = DEFAULT_QUEUE,
    at: datetime | None = None,
    lock: str | None = None,
    queueing_lock: str | None = None,
    priority: int = 0,
    **args: object,
) -> None:
    """Enqueue `task` with JSON arguments, to run once this transaction commits (and not before `at`).

    lock           jobs with the same lock run one after the other
    queueing_lock  while a job with it waits, no second one is enqueued. A job that already waits may start before this
                   transaction commits, so use it only for jobs that look again later.
    """
    values = {
        "queue": queue,
        "task": task,
        "priority": priority,
        "lock": lock,
        "queueing_lock": queueing_lock,
        "args": args,
        "at": at,
    }
    if queueing_lock is None:
        db.execute(_DEFER, values)
        return
    try:
        with db.begin_nested():
            db.execute(_DEFER, values)
    except IntegrityError as error:
        if "queueing_lock" not in str(error.orig):
            raise

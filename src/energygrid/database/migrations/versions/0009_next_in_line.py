"""Jobs that wait for a lock are looked for when it is given back, not when a worker happens to look again.

Procrastinate notifies its workers of new jobs only.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        "CREATE TRIGGER energygrid_next_in_line AFTER UPDATE OF status ON procrastinate_jobs FOR EACH ROW"
        " WHEN (OLD.status = 'doing' AND NEW.status <> 'doing' AND NEW.lock IS NOT NULL)"
        " EXECUTE FUNCTION procrastinate_notify_queue_job_inserted_v1()"
    )

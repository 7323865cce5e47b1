"""Background work of identity."""

from datetime import UTC, datetime

from energygrid.access import housekeeping
from energygrid.access.settings import AccessSettings
from energygrid.jobs.app import app, context


@app.periodic(cron="7 * * * *")
@app.task(name="access.sweep", queueing_lock="access.sweep")
def sweep(timestamp: int) -> None:
    """Every hour: signing keys that are due rotate; revocations and throttles that are over go."""
    here = context()
    here.database.write(
        housekeeping.sweep,
        here.vault,
        AccessSettings(),
        now=datetime.fromtimestamp(timestamp, UTC),
        issues_tokens=here.settings.issues_tokens,
    )

"""What identity needs done from time to time: keys that age, rows that have said their last."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access import queries
from energygrid.access.oauth.queries import delete_expired
from energygrid.access.sessions import sessions
from energygrid.access.settings import AccessSettings
from energygrid.access.signing_keys import rotate_when_due
from energygrid.access.vault import Vault

_KEPT = timedelta(days=1)


def sweep(db: Connection, vault: Vault, rules: AccessSettings, *, now: datetime, issues_tokens: bool) -> None:
    """Rotate the signing key when it is due; drop what is over: revocations, throttles, sessions, codes."""
    if issues_tokens:
        rotate_when_due(db, vault, rules, now)
    queries.delete_expired_revocations(db, now - _KEPT)
    queries.delete_idle_throttles(db, now - _KEPT)
    sessions.sweep(db, rules, now)
    delete_expired(db, now - _KEPT)

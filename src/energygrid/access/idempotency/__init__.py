"""Requests with an Idempotency-Key: done once, answered as often as they are repeated (contract 6.2).

The stored answer commits with the effect it tells of. A crash before that takes both away, so the repeated request runs
afresh. While the first still runs, a second with the same key is told so instead of waiting.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access.idempotency import queries
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid

DEFAULT_KEEP = timedelta(hours=24)
_PURPOSE = "idempotency.answer"


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """What makes two requests the same one: caller, operation and key; `content` is everything else that was sent."""

    tenant_id: int
    client_id: str
    method: str
    path: str
    key: str
    content: bytes = field(repr=False)

    def lock_key(self) -> int:
        """A signed 64-bit number for the advisory lock of this key."""
        name = "\0".join((str(self.tenant_id), self.client_id, self.method, self.path, self.key))
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer to give again. `subject` names whose data it holds, so that it can be forgotten with them."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    subject: str = ""
    replayed: bool = False


def once(
    db: Connection,
    vault: Vault,
    request: KeyedRequest,
    effect: Callable[[], StoredAnswer],
    *,
    now: datetime,
    keep: timedelta = DEFAULT_KEEP,
) -> StoredAnswer:
    """The answer of `effect`, run now, or the stored one when this request was answered within `keep`.

    Raises Conflict IDEMPOTENCY_IN_FLIGHT while another transaction is at it, and Invalid IDEMPOTENCY_MISMATCH when the
    key came with other content before.
    """
    if not queries.try_lock(db, request.lock_key()):
        raise Conflict("IDEMPOTENCY_IN_FLIGHT", "a request with this Idempotency-Key is still being worked on")
    answer = find(db, vault, request, now=now)
    if answer is None:
        answer = effect()
        queries.put_answer(
            db,
            tenant_id=request.tenant_id,
            client_id=request.client_id,
            method=request.method,
            path=request.path,
            key=request.key,
            request=_fingerprint(vault, request),
            subject=answer.subject,
            status=answer.status,
            headers=dict(answer.headers),
            body_sealed=vault.seal(_PURPOSE, answer.body),
            created_at=now,
            expires_at=now + keep,
        )
    return answer


def find(db: Connection, vault: Vault, request: KeyedRequest, *, now: datetime) -> StoredAnswer | None:
    """The stored answer of this request, if any; raises Invalid IDEMPOTENCY_MISMATCH."""
    row = queries.answer_of(db, request.tenant_id, request.client_id, request.method, request.path, request.key, now)
    if row is None:
        return None
    if row.request != _fingerprint(vault, request):
        raise Invalid("IDEMPOTENCY_MISMATCH", "this Idempotency-Key was used with another request")
    return StoredAnswer(row.status, row.headers, vault.open(_PURPOSE, row.body_sealed), row.subject, replayed=True)


def forget(db: Connection, tenant_id: int, subject: str) -> None:
    """Drop the stored answers that hold this subject's data."""
    queries.drop_answers_about(db, tenant_id, subject)


def purge(db: Connection, now: datetime) -> int:
    """Drop answers whose time is over; how many."""
    return queries.drop_expired(db, now)


def _fingerprint(vault: Vault, request: KeyedRequest) -> bytes:
    return vault.fingerprint("idempotency.request", request.content)

"""The header Idempotency-Key on PowerBox's two posts (contract C9, 6.2)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import Header, Request
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from energygrid.access import idempotency
from energygrid.access.caller import Caller
from energygrid.access.idempotency import DEFAULT_KEEP, KeyedRequest, StoredAnswer
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import Conflict, Denied, Invalid, NotFound
from energygrid.surfaces.powerbox.errors import render

T = TypeVar("T")

IdempotencyKey = Annotated[
    str | SkipJsonSchema[None],
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7E]{1,255}$",
        description="Repeat a request with the same key and it is done once; kept for 24 hours (binds for 7 days).",
    ),
]


@dataclass(frozen=True, slots=True)
class Once:
    """One request that may carry a key. `subject` is whose data the answer holds: "customer/42"."""

    database: Database
    vault: Vault
    request: Request
    caller: Caller
    key: str | None
    body: bytes = field(repr=False)
    now: datetime
    subject: str = ""
    keep: timedelta = DEFAULT_KEEP

    def stored(self) -> Response | None:
        """The answer given before, for work that should not even begin again."""
        if self.key is None:
            return None
        found = self.database.read(idempotency.find, self.vault, self._keyed(self.key), now=self.now)
        return None if found is None else _again(found)

    def answer(self, effect: Callable[[Any], T], respond: Callable[[T], Response]) -> Response:
        """Run `effect` in one transaction and make an answer of its result, or give the stored answer.

        What either refuses for good (Invalid, NotFound, Denied, Conflict) is an answer too, and stored; what `effect`
        refuses leaves no trace of it, what `respond` refuses leaves the effect standing.
        """
        if self.key is None:
            return respond(self.database.write(effect))
        return _again(self.database.write(self._once, self._keyed(self.key), effect, respond))

    def _once(
        self,
        db: Any,
        keyed: KeyedRequest,
        effect: Callable[[Any], T],
        respond: Callable[[T], Response],
    ) -> StoredAnswer:
        def run() -> StoredAnswer:
            try:
                with db.begin_nested():
                    result = effect(db)
                response = respond(result)
            except (Invalid, NotFound, Denied, Conflict) as error:
                if error.code == "SEAL_BROKEN":
                    raise
                response = render(self.request, error)
            headers = {name: value for name, value in response.headers.items() if name != "content-length"}
            return StoredAnswer(response.status_code, headers, bytes(response.body), self.subject)

        return idempotency.once(db, self.vault, keyed, run, now=self.now, keep=self.keep)

    def _keyed(self, key: str) -> KeyedRequest:
        url = self.request.url
        return KeyedRequest(
            tenant_id=self.caller.tenant.id,
            client_id=self.caller.client_id,
            method=self.request.method,
            path=url.path,
            key=key,
            content=url.query.encode() + b"\n" + self.body,
        )


def _again(answer: StoredAnswer) -> Response:
    headers = dict(answer.headers) | ({"Idempotent-Replayed": "true"} if answer.replayed else {})
    return Response(answer.body, answer.status, headers)

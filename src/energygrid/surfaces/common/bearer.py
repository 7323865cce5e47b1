"""Checking the bearer token of a request."""

from datetime import UTC, datetime

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from energygrid.access.caller import Caller
from energygrid.surfaces.common.deps import services_of


async def check_bearer(request: Request, token: str, certificate: bytes | None = None) -> Caller:
    """The caller whose token it is: at once when it was checked lately, else in a thread.

    Raises Unauthenticated.
    """
    tokens, now = services_of(request).tokens, datetime.now(UTC)
    known = tokens.check_cached(token, now, certificate)
    return known if known is not None else await run_in_threadpool(tokens.check, token, now, certificate)

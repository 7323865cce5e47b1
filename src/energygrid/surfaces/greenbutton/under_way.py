"""How many answers a caller has under way: a large feed holds a thread and a core for as long as it lasts.

Counted in this process, as the rate of requests is.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi import Depends, Request

from energygrid.errors import Throttled
from energygrid.greenbutton.bearers import Presented
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.surfaces.greenbutton.auth import WithAccessToken, WithClientToken

_AGAIN_AFTER_S = 5


class UnderWay:
    """For use on one event loop."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str | None]] = Counter()

    def enter(self, key: tuple[str, str | None], most: int) -> None:
        """Raises Throttled("TOO_MANY_AT_ONCE")."""
        if self._counts[key] >= most:
            raise Throttled(
                "TOO_MANY_AT_ONCE",
                f"{most} answers of this kind are under way already: wait until one of them has ended",
                retry_after=_AGAIN_AFTER_S,
            )
        self._counts[key] += 1

    def leave(self, key: tuple[str, str | None]) -> None:
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]


@contextmanager
def _counted(request: Request, presented: Presented) -> Iterator[None]:
    token = presented.token
    assert token is not None
    key, under_way = (token.client_id, token.subject), request.app.state.under_way
    under_way.enter(key, token.tenant.section("greenbutton", GreenButtonSettings).feeds_at_once)
    try:
        yield
    finally:
        under_way.leave(key)


async def _access(request: Request, presented: WithAccessToken) -> AsyncIterator[None]:
    with _counted(request, presented):
        yield


async def _client(request: Request, presented: WithClientToken) -> AsyncIterator[None]:
    with _counted(request, presented):
        yield


ONE_OF_AN_AUTHORIZATION = Depends(_access)
ONE_OF_A_THIRD_PARTY = Depends(_client)
"""Dependencies of endpoints whose answers may be large: each counts until its last byte is sent or the caller gone."""

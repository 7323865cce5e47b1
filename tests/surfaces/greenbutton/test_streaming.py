"""A large answer leaves as it is made: the first bytes at once, and nothing held for a caller who has gone."""

import asyncio
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from lxml import etree
from tests.surfaces.greenbutton.world import FIRST_DAY, RESOURCE, GreenButton, valid

from energygrid.errors import Unavailable
from energygrid.greenbutton.feed import Feed
from energygrid.surfaces.greenbutton import batches

DAYS = 60


@pytest.fixture
def large(greenbutton: GreenButton) -> GreenButton:
    """With a feed of some megabytes, which is more than is ever sent whole."""
    start = int(FIRST_DAY.timestamp()) + 5 * 86_400
    greenbutton.utility.readings("E1", start, [0.5] * (96 * DAYS))
    return greenbutton


@dataclass
class Caller:
    """A caller at the ASGI boundary, who hangs up after so many pieces."""

    here: GreenButton
    hangs_up_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    status: int = 0
    answered: dict[bytes, bytes] = field(default_factory=dict)
    ended: bool = False

    def ask(self, path: str) -> "Caller":
        asyncio.run(asyncio.wait_for(self._ask(path), 30))
        return self

    async def _ask(self, path: str) -> None:
        gone = asyncio.Event()
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status, self.answered = message["status"], dict(message["headers"])
            else:
                self.pieces += [message["body"]] if message["body"] else []
                self.ended = not message.get("more_body", False)
            if self.hangs_up_after is not None and len(self.pieces) >= self.hangs_up_after:
                gone.set()
                await asyncio.sleep(0)

        headers = {"authorization": f"Bearer {self.here.access_token()}"} | self.headers
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"{RESOURCE}{path}",
            "raw_path": f"{RESOURCE}{path}".encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
        }
        await self.here.http.app(scope, receive, send)


def lent(here: GreenButton) -> list[int]:
    """Connections that are out of each pool."""
    return [pool.pool.checkedout() for pool in (here.database._reading, here.database._writing)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_it_leaves_in_pieces_that_are_the_whole(large: GreenButton, coding: str) -> None:
    caller = Caller(large, headers={"accept-encoding": coding}).ask(f"/Batch/Subscription/{large.consent.id}")
    body = b"".join(caller.pieces)
    root = valid(body if coding == "identity" else zlib.decompress(body, 47))
    assert len(list(root.iter("{*}IntervalReading"))) == 96 * (4 + DAYS) + 96 + 48
    assert len(caller.pieces) > 2
    assert b"content-length" not in caller.answered
    assert caller.ended
    assert lent(large) == [0, 0]


def test_the_first_piece_leaves_before_the_last_is_read(large: GreenButton, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a feed that never ends, pieces come nevertheless."""
    ended = threading.Event()
    endless(monkeypatch, ended)
    caller = Caller(large, hangs_up_after=3).ask(f"/Batch/Subscription/{large.consent.id}")
    assert (caller.status, len(caller.pieces) >= 3, caller.ended) == (200, True, False)
    assert ended.is_set(), "the work goes on for a caller who has gone"
    assert lent(large) == [0, 0]


def endless(monkeypatch: pytest.MonkeyPatch, ended: threading.Event) -> None:
    def entries(feed: Feed) -> Iterator[Any]:
        try:
            while True:
                yield from feed.entries()
        finally:
            ended.set()

    with_entries(monkeypatch, entries)


def with_entries(monkeypatch: pytest.MonkeyPatch, entries: Callable[[Feed], Iterator[Any]]) -> None:
    """Feeds have others than those that are stored."""

    def made(*arguments: Any, **more: Any) -> Feed:
        feed = original(*arguments, **more)
        return replace(feed, entries=lambda: entries(feed))

    original = batches.subscription_feed
    monkeypatch.setattr(batches, "subscription_feed", made)


def test_callers_who_hang_up_leave_no_connection_behind(large: GreenButton) -> None:
    """More of them than the pool has connections."""
    for after in range(40):
        caller = Caller(large, hangs_up_after=after % 3 + 1).ask(f"/Batch/Subscription/{large.consent.id}")
        assert caller.status == 200
    assert lent(large) == [0, 0]
    assert large.get(f"/Subscription/{large.consent.id}/UsagePoint").status_code == 200


def test_a_fault_on_the_way_breaks_off_and_does_not_end_as_if_it_were_whole(
    large: GreenButton, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sees the exception and closes the connection without an end of the body."""

    def entries(feed: Feed) -> Iterator[Any]:
        yield from feed.entries()
        raise Unavailable("DATA_CHANGED", "newer data came")

    with_entries(monkeypatch, entries)
    caller = Caller(large)
    with pytest.raises(Exception):  # noqa: B017,PT011 - whichever way the frameworks hand it on
        caller.ask(f"/Batch/Subscription/{large.consent.id}")
    assert caller.status == 200
    assert not caller.ended
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(b"".join(caller.pieces))
    assert lent(large) == [0, 0]


def test_a_head_of_a_large_feed_reads_nothing(large: GreenButton, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    endless(monkeypatch, ended)
    answer = large.get(f"/Batch/Subscription/{large.consent.id}", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert not ended.is_set()

"""Callers at the ASGI boundary, who see each piece of an answer and can hang up."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.surfaces.greenbutton.world import RESOURCE, GreenButton

from energygrid.greenbutton.feed import Feed
from energygrid.surfaces.greenbutton import batches


@dataclass
class Caller:
    """A caller at the ASGI boundary, who hangs up after so many pieces."""

    here: GreenButton
    hangs_up_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    pieces: list[bytes] = field(default_factory=list)
    status: int = 0
    answered: dict[bytes, bytes] = field(default_factory=dict)
    ended: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, path: str) -> "Caller":
        asyncio.run(asyncio.wait_for(self.asking(path), 30))
        return self

    async def asking(self, path: str) -> None:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status, self.answered = message["status"], dict(message["headers"])
            else:
                self.begun.set()
                self.pieces += [message["body"]] if message["body"] else []
                self.ended = not message.get("more_body", False)
            if self.hangs_up_after is not None and len(self.pieces) >= self.hangs_up_after:
                self.gone.set()
                await asyncio.sleep(0)

        headers = {"authorization": f"Bearer {self.here.access_token()}"} | self.headers
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
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

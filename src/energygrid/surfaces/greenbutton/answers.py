"""From bytes, or a stream of them, to an answer: validators, content codings, streaming.

A small answer is sent whole; a large one leaves as it is made, in pieces, with the same memory whatever its size. Each
piece is made in a thread, one hop a piece. When the caller hangs up the work stops and what it holds is given back.
"""

import base64
import hashlib
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

import anyio
import zstandard
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from energygrid.surfaces.greenbutton.negotiation import Coding, coding

_log = logging.getLogger(__name__)

_WHOLE_BYTES = 256 << 10
"""What fits is sent whole, with its length."""
_LEAST_CODED_BYTES = 1 << 10
_GZIP_LEVEL = 1
_ZSTD_LEVEL = 1
_FIXED = {
    "Cache-Control": "private, no-cache",
    "Vary": "Accept, Accept-Encoding, Authorization",
    "X-Content-Type-Options": "nosniff",
}
"""A cache may keep an answer for its own caller, and asks whether it still holds before each use."""


HEAD = "energygrid.head"
"""Marks the scope of a HEAD that is answered as a GET whose body nobody reads: no feed is built for it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before anybody asked how it should travel.

    version  equal for equal bytes only; of the representation, before coding
    updated  when the content last changed; None: not known
    gzipped  the body in that coding, where there is one already
    """

    media_type: str
    version: str
    body: Iterable[bytes]
    updated: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gzipped: Iterable[bytes] | None = None


def whole(body: bytes, media_type: str, updated: datetime | None, headers: Mapping[str, str] | None = None) -> Draft:
    """A draft of bytes that are there already."""
    return Draft(media_type, hashlib.sha256(body).hexdigest(), (body,), updated, headers or {})


def answer(request: Request, draft: Draft) -> Response:
    """The answer, 304 when the caller has it already. The first pieces are made here; call it in a thread."""
    chosen = coding(request.headers.get("accept-encoding", ""))
    headers = {**_FIXED, **draft.headers, "ETag": _etag(request, draft, chosen)}
    if draft.updated is not None:
        headers["Last-Modified"] = format_datetime(draft.updated.astimezone(UTC), usegmt=True)
    if request.method == "GET" and _is_known(request, headers["ETag"], draft.updated):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = draft.media_type
    if request.scope.get(HEAD) and not isinstance(draft.body, tuple):
        answered = Response(headers=headers | _coded(chosen))
        del answered.headers["Content-Length"]
        return answered
    ready = draft.gzipped if chosen is Coding.GZIP else None
    pieces = iter(draft.body if ready is None else ready)
    try:
        first, ended = _taken(pieces)
    except BaseException:
        _close(pieces)
        raise
    if ended and ready is None and len(first) < _LEAST_CODED_BYTES:
        return Response(first, headers=headers)
    packed = _packed(pieces if not ended else iter(()), first, chosen if ready is None else Coding.IDENTITY)
    if ended:
        return Response(b"".join(packed), headers=headers | _coded(chosen))
    return Streamed(packed, pieces, headers | _coded(chosen))


def _taken(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """The first pieces together, and whether there are no others."""
    taken: list[bytes] = []
    size = 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size >= _WHOLE_BYTES:
            return b"".join(taken), False
    return b"".join(taken), True


def _coded(chosen: Coding) -> dict[str, str]:
    return {} if chosen is Coding.IDENTITY else {"Content-Encoding": str(chosen)}


def _packed(pieces: Iterator[bytes], first: bytes, chosen: Coding) -> Iterator[bytes]:
    if chosen is Coding.IDENTITY:
        yield first
        yield from pieces
        return
    packer = (
        zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
        if chosen is Coding.GZIP
        else zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    )
    if packed := packer.compress(first):
        yield packed
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _etag(request: Request, draft: Draft, chosen: Coding) -> str:
    """A strong validator: another address, representation or coding has another."""
    facts = (request.scope["path"], request.scope["query_string"].decode("latin-1"), draft.media_type, draft.version)
    digest = hashlib.sha256("\x1f".join((*facts, chosen)).encode()).digest()
    return f'"{base64.urlsafe_b64encode(digest[:18]).decode()}"'


def _is_known(request: Request, etag: str, updated: datetime | None) -> bool:
    """RFC 9110 section 13.2.2: If-Modified-Since counts only where no If-None-Match is."""
    known = request.headers.get("if-none-match")
    if known is not None:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return "*" in tags or etag in tags
    since = request.headers.get("if-modified-since")
    if since is None or updated is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    return updated.replace(microsecond=0) <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class Streamed(Response):
    """Pieces as they are made."""

    def __init__(self, packed: Iterator[bytes], source: Iterator[bytes], headers: Mapping[str, str]) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(headers)
        self._packed = packed
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                while (piece := await run_in_threadpool(next, self._packed, None)) is not None:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._end)

    def _end(self) -> None:
        _close(self._packed)
        _close(self._source)


async def _until_gone(receive: Receive, work: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    work.cancel()


def _close(pieces: Iterator[bytes]) -> None:
    """Let a generator run its `finally` now: it may hold a database connection."""
    close = getattr(pieces, "close", None)
    if close is not None:
        close()

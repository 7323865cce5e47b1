"""Streamed uploads."""

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from energygrid.errors import Invalid
from energygrid.ingest.landing import CHUNK_BYTES, Receiver, Seal


async def receive_upload(request: Request, limit: int, seal: Seal | None = None) -> Receiver:
    """The request's body, streamed to a temporary file; use the receiver in a `with` block.

    seal  for a file with personal data: what makes it unreadable while it waits
    Raises Invalid: UNSUPPORTED_FORMAT for a content coding, INVALID_PAYLOAD for an empty body, TOO_LARGE.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Invalid("UNSUPPORTED_FORMAT", "send the file as it is; content codings are not read")
    receiver = Receiver(limit, seal)
    pending = bytearray()
    try:
        async for piece in request.stream():
            pending += piece
            if len(pending) >= CHUNK_BYTES:
                await run_in_threadpool(receiver.add, bytes(pending))
                pending.clear()
        await run_in_threadpool(receiver.add, bytes(pending))
        if receiver.size == 0:
            raise Invalid("INVALID_PAYLOAD", "the upload is empty")  # noqa: TRY301 - closed below like any other
    except BaseException:
        receiver.close()
        raise
    return receiver

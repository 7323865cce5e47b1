"""Building a feed, and giving its bytes back: gzip, sealed, in pieces that fit in memory."""

import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import Unavailable
from energygrid.greenbutton.ahead import queries
from energygrid.greenbutton.ahead.recipes import Recipe
from energygrid.greenbutton.ahead.rendering import render
from energygrid.greenbutton.ahead.requests import AGAIN_AFTER, LONGEST_BUILD

PIECE = 1 << 20
_SEAL = "built feed"
_LEVEL = 3
_GZIP = 31
"""zlib's window bits for the gzip format."""

Ready = Callable[[Connection, Recipe], None]
"""What else is done in the transaction in which a feed becomes ready."""


def build(
    database: Database,
    vault: Vault,
    base: str,
    clock: Callable[[], datetime],
    tenant_id: int,
    feed_id: str,
    *,
    keep: timedelta,
    ready: Ready,
) -> bool:
    """Build one feed; False when there was nothing to do any more, or no time left.

    A build that is begun again starts anew, and a worker that was thought dead writes nothing from then on.
    Raises NotFound("FEED_GONE") and whatever may happen to a feed that is answered at once.
    """
    attempt = database.write(queries.begin, tenant_id, feed_id, clock())
    found = database.read(queries.by_id, tenant_id, feed_id)
    if attempt is None or found is None:
        return False
    recipe = Recipe.of(found.recipe)
    parts, ends = render(database, vault, base, recipe, clock())
    for number, (piece, written) in enumerate(_pieces(parts)):
        if clock() > found.requested_at + LONGEST_BUILD:
            database.write(fail, tenant_id, feed_id, clock())
            return False
        sealed = vault.seal(_SEAL, piece)
        if not database.write(queries.add_chunk, tenant_id, feed_id, attempt, number, sealed, written):
            return False
    now = clock()
    until = min(now + keep, ends) if ends is not None else now + keep
    return database.write(_finish, tenant_id, feed_id, attempt, now, until, recipe, ready)


def _finish(
    db: Connection,
    tenant_id: int,
    feed_id: str,
    attempt: int,
    now: datetime,
    until: datetime,
    recipe: Recipe,
    ready: Ready,
) -> bool:
    finished = queries.finish(db, tenant_id, feed_id, attempt, now, until)
    if finished:
        ready(db, recipe)
    return finished


def fail(db: Connection, tenant_id: int, feed_id: str, now: datetime) -> None:
    """Nothing comes of the build: its address answers at once for a while."""
    queries.fail(db, tenant_id, feed_id, now, now + AGAIN_AFTER)


def read(database: Database, vault: Vault, tenant_id: int, feed_id: str, *, gzipped: bool = True) -> Iterator[bytes]:
    """The bytes of a finished feed, gzip as they are kept or unpacked; one piece in memory at a time.

    Raises Unavailable("FEED_GONE") in the middle when the consent is revoked meanwhile.
    """
    unpack = zlib.decompressobj(_GZIP)
    number = 0
    while (sealed := database.read(queries.chunk, tenant_id, feed_id, number)) is not None:
        piece = vault.open(_SEAL, sealed)
        yield piece if gzipped else unpack.decompress(piece)
        number += 1
    if database.read(queries.by_id, tenant_id, feed_id) is None:
        raise Unavailable("FEED_GONE", "the feed is not there any more")


def _pieces(parts: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """Pieces of one gzip stream, each with how many bytes went in so far."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    piece = bytearray()
    written = 0
    for part in parts:
        piece += packer.compress(part)
        written += len(part)
        if len(piece) >= PIECE:
            yield bytes(piece), written
            piece.clear()
    piece += packer.flush()
    yield bytes(piece), written

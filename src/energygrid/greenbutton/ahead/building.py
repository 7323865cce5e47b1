"""Building a feed, and giving its bytes back: gzip, sealed, in pieces that fit in memory."""

import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import Unavailable
from energygrid.greenbutton.ahead import queries
from energygrid.greenbutton.ahead.recipes import Recipe
from energygrid.greenbutton.ahead.requests import AGAIN_AFTER, LONGEST_BUILD

PIECE = 1 << 20
_SEAL = "built feed"
_LEVEL = 3
_GZIP = 31
"""zlib's window bits for the gzip format."""

Render = Callable[[Recipe], tuple[Iterator[bytes], datetime | None]]
"""The bytes of a recipe, and when what it stands under ends by itself (None: never)."""


def build(
    database: Database,
    vault: Vault,
    render: Render,
    clock: Callable[[], datetime],
    tenant_id: int,
    feed_id: str,
    *,
    keep: timedelta,
) -> Recipe | None:
    """Build one feed; the recipe of what is ready now, None when there was nothing to do any more.

    A build that is begun again starts anew, and a worker that was thought dead writes nothing from then on. It ends
    as failed when it takes too long.
    """
    attempt = database.write(queries.begin, tenant_id, feed_id, clock())
    found = database.read(queries.by_id, tenant_id, feed_id)
    if attempt is None or found is None:
        return None
    recipe = Recipe.of(found.recipe)
    parts, ends = render(recipe)
    for number, (piece, written) in enumerate(_pieces(parts)):
        if clock() > found.requested_at + LONGEST_BUILD:
            fail(database, clock(), tenant_id, feed_id, attempt)
            return None
        sealed = vault.seal(_SEAL, piece)
        if not database.write(queries.add_chunk, tenant_id, feed_id, attempt, number, sealed, written):
            return None
    now = clock()
    until = min(now + keep, ends) if ends is not None else now + keep
    return recipe if database.write(queries.finish, tenant_id, feed_id, attempt, now, until) else None


def fail(database: Database, now: datetime, tenant_id: int, feed_id: str, attempt: int | None = None) -> None:
    """No build comes of it: its address answers at once for a while."""
    found = database.read(queries.by_id, tenant_id, feed_id)
    if found is not None:
        last = found.attempt if attempt is None else attempt
        database.write(queries.fail, tenant_id, feed_id, last, now, now + AGAIN_AFTER)


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

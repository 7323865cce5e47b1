"""Landing: a file is stored in the database before anyone works on it.

API processes and workers on any number of machines then see the same file, and an acknowledged upload survives
whatever dies next. Files may name people, so they rest sealed.
"""

import hashlib
import io
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import zstandard
from sqlalchemy import Connection

from energygrid.access.vault import Vault
from energygrid.errors import Invalid
from energygrid.ingest import queries

CHUNK_BYTES = 1 << 20
Seal = Callable[[bytes], bytes]
_LENGTH_BYTES = 4
_PURPOSE = "ingest.landing"
SEALED = {"sealed": True}
"""Option of a job whose file was landed sealed."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A stored file. `sha256` is of the file as sent."""

    upload_id: str
    sha256: bytes
    size: int


class Receiver:
    """Takes a file piece by piece, hashed and compressed into a temporary file, until it is stored.

    seal  what makes each compressed piece unreadable; None: the file is sealed already, or holds nothing personal
    Raises Invalid("TOO_LARGE") once more than `limit` bytes came in. Use it in a `with` block.
    """

    def __init__(self, limit: int, seal: Seal | None = None) -> None:
        self._limit = limit
        self._seal = seal
        self._hash = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._pending = bytearray()
        self._spool: Any = tempfile.SpooledTemporaryFile(max_size=8 << 20)  # noqa: SIM115 - closed by __exit__
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._spool.close()

    @property
    def sha256(self) -> bytes:
        """Of what came in so far."""
        return self._hash.digest()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._limit:
            raise Invalid("TOO_LARGE", f"the upload is larger than {self._limit} bytes", limit=self._limit)
        self._hash.update(piece)
        self._pending += piece
        while len(self._pending) >= CHUNK_BYTES:
            self._write(bytes(self._pending[:CHUNK_BYTES]))
            del self._pending[:CHUNK_BYTES]

    def _write(self, chunk: bytes) -> None:
        body = self._compressor.compress(chunk)
        if self._seal is not None:
            body = self._seal(body)
        self._spool.write(len(body).to_bytes(_LENGTH_BYTES, "big") + body)

    def _bodies(self) -> Iterator[bytes]:
        self._spool.seek(0)
        while length := self._spool.read(_LENGTH_BYTES):
            yield self._spool.read(int.from_bytes(length, "big"))

    def store(self, db: Connection, tenant_id: int) -> Landed:
        """Write the whole file in the caller's transaction."""
        if self._pending:
            self._write(bytes(self._pending))
            self._pending.clear()
        upload_id = "upl_" + secrets.token_urlsafe(12)
        queries.insert_chunks(db, tenant_id, upload_id, self._bodies())
        return Landed(upload_id, self.sha256, self.size)


def sealing(vault: Vault) -> Seal:
    return partial(vault.seal, _PURPOSE)


def unsealing(vault: Vault, options: Mapping[str, Any]) -> Seal | None:
    """What opens the file of a job with these options."""
    return partial(vault.open, _PURPOSE) if options.get("sealed") else None


def land(db: Connection, tenant_id: int, pieces: Iterable[bytes], *, limit: int, seal: Seal | None = None) -> Landed:
    """Store a file that is at hand."""
    with Receiver(limit, seal) as receiver:
        for piece in pieces:
            receiver.add(piece)
        return receiver.store(db, tenant_id)


class _ChunkReader(io.RawIOBase):
    def __init__(self, bodies: Iterator[bytes], unseal: Seal | None) -> None:
        self._bodies = bodies
        self._unseal = unseal
        self._decompressor = zstandard.ZstdDecompressor()
        self._chunk = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._chunk:
            body = next(self._bodies, None)
            if body is None:
                return 0
            if self._unseal is not None:
                body = self._unseal(body)
            self._chunk = memoryview(self._decompressor.decompress(body, max_output_size=CHUNK_BYTES))
        count = min(len(buffer), len(self._chunk))
        buffer[:count] = self._chunk[:count]
        self._chunk = self._chunk[count:]
        return count


def open_landed(db: Connection, tenant_id: int, upload_id: str, unseal: Seal | None = None) -> io.BufferedReader:
    """The file as a binary stream; `db` must stay open while it is read. `unseal` undoes the receiver's `seal`."""
    return io.BufferedReader(_ChunkReader(queries.chunks(db, tenant_id, upload_id), unseal), buffer_size=CHUNK_BYTES)

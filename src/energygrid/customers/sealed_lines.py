"""A file of lines, sealed while it waits: it is full of names and addresses.

Written as frames: four bytes of length, then the sealed zstd of a piece.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

import zstandard

from energygrid.access.vault import Vault
from energygrid.errors import Invalid

LONGEST_LINE = 1 << 20
TOO_LONG = b"\0too long"
"""Stands for a line past LONGEST_LINE; no JSON text starts with NUL."""
_PIECE = 256 << 10
_PURPOSE = "customers.batch"
_LENGTH_BYTES = 4


class Sealer:
    """Seals what is added, in pieces of 256 KiB, and hands the frames to `put`."""

    def __init__(self, vault: Vault, put: Callable[[bytes], None]) -> None:
        self._vault = vault
        self._put = put
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._pending = bytearray()

    def add(self, piece: bytes) -> None:
        self._pending += piece
        while len(self._pending) >= _PIECE:
            self._seal(bytes(self._pending[:_PIECE]))
            del self._pending[:_PIECE]

    def finish(self) -> None:
        if self._pending:
            self._seal(bytes(self._pending))
            self._pending.clear()

    def _seal(self, piece: bytes) -> None:
        sealed = self._vault.seal(_PURPOSE, self._compressor.compress(piece))
        self._put(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)


def lines_of(vault: Vault, source: BinaryIO) -> Iterator[bytes]:
    """The lines without their ends, TOO_LONG for one that is; raises Invalid SEAL_BROKEN."""
    rest = b""
    is_skipping = False
    for piece in _pieces(vault, source):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield TOO_LONG if is_skipping or len(line) > LONGEST_LINE else line
            is_skipping = False
        if len(rest) > LONGEST_LINE:
            is_skipping, rest = True, b""
    if rest or is_skipping:
        yield TOO_LONG if is_skipping or len(rest) > LONGEST_LINE else rest


def _pieces(vault: Vault, source: BinaryIO) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor()
    while length := source.read(_LENGTH_BYTES):
        sealed = source.read(int.from_bytes(length, "big"))
        try:
            yield decompressor.decompress(vault.open(_PURPOSE, sealed), max_output_size=_PIECE)
        except zstandard.ZstdError as error:
            raise Invalid("SEAL_BROKEN", "a landed batch cannot be read") from error

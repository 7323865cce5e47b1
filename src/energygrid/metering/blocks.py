"""The packed form of a day block: values and qualities of one series and day, losslessly.

Values that are whole multiples of a power of ten (nearly all meter data) are stored as int32 with that scale, the bytes
shuffled so that equal high bytes stand together, and compressed with zstd; any other value keeps its float64. Measured
against blosc2 and numcodecs on blocks of 96: docs/adr/0002-day-blocks.md.

First byte of packed values: the form. Second byte of the int32 form: the number of decimals.
"""

from collections.abc import Sequence

import numpy as np
import zstandard
from numpy.typing import NDArray

from energygrid.metering.quality import Quality
from energygrid.metering.readings import Int64s, UInt8s

_PLAIN, _SCALED, _DOUBLE = 0, 1, 2
_SHORT = 8
"""Blocks of fewer values are stored plainly: a zstd frame would be longer."""
_MISSING = np.iinfo(np.int32).min
_LEVEL = 1
_SAMPLED = 5
_TRIED = (3, 4, 5, 6, 7, 8, 9, 0, 1, 2)
"""Numbers of decimals: nearly all meter data has three at most; few or none hold numbers too large for three."""
_CACHED = 2048
"""Blocks that are packed or unpacked at once: what is made of them on the way stays in the processor's cache."""
_HEADS = [bytes([_SCALED, number]) for number in range(10)]

Matrix = NDArray[np.float64]


def pack_values(values: Matrix) -> list[bytes]:
    """Pack (blocks, intervals) float64, NaN = missing."""
    blocks, intervals = values.shape
    if intervals < _SHORT:
        body = values.astype("<f8").tobytes()
        size = 8 * intervals
        return [bytes([_PLAIN]) + body[at : at + size] for at in range(0, blocks * size, size)]
    packed: list[bytes] = []
    for at in range(0, blocks, _CACHED):
        packed += _pack(values[at : at + _CACHED])
    return packed


def _pack(values: Matrix) -> list[bytes]:
    decimals, scaled = _scale(values)
    body, size = _shuffle(scaled), 4 * values.shape[1]
    bounds = np.column_stack((np.arange(len(values)) * size, np.full(len(values), size))).astype("<u8").tobytes()
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=False)
    frames = compressor.multi_compress_to_buffer(zstandard.BufferWithSegments(body, bounds), threads=1)
    packed = [_HEADS[number] + frames[block].tobytes() for block, number in enumerate(decimals.tolist())]
    for block in np.flatnonzero(decimals < 0).tolist():
        packed[block] = bytes([_DOUBLE]) + compressor.compress(_shuffle(values[block : block + 1].astype("<f8")))
    return packed


def unpack_values(packed: Sequence[bytes], intervals: int) -> Matrix:
    """The inverse: (blocks, intervals) float64."""
    return unpack_joined(b"".join(packed), np.fromiter(map(len, packed), np.int64, len(packed)), intervals)


def unpack_joined(packed: bytes, sizes: Int64s, intervals: int) -> Matrix:
    """The same of blocks that stand one after the other."""
    blocks = len(sizes)
    if intervals < _SHORT:
        plain = np.frombuffer(packed, np.uint8).reshape(blocks, 8 * intervals + 1)[:, 1:]
        return np.ascontiguousarray(plain).view("<f8").reshape(blocks, intervals).astype(np.float64)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    heads = np.frombuffer(packed, np.uint8)
    scaled = heads[starts] == _SCALED
    if scaled.all():
        return _unpack_scaled(packed, starts, sizes, intervals)
    values = np.empty((blocks, intervals))
    values[scaled] = _unpack_scaled(packed, starts[scaled], sizes[scaled], intervals)
    decompress = zstandard.ZstdDecompressor().decompress
    for block in np.flatnonzero(~scaled).tolist():
        body = decompress(packed[starts[block] + 1 : ends[block]], max_output_size=8 * intervals)
        values[block] = _unshuffle(np.frombuffer(body, np.uint8), 1, intervals, 8).view("<f8")
    return values


def _unpack_scaled(packed: bytes, starts: Int64s, sizes: Int64s, intervals: int) -> Matrix:
    """Blocks of whole numbers that lie at `starts`."""
    if not len(starts):
        return np.empty((0, intervals))
    frames = zstandard.BufferWithSegments(packed, np.column_stack((starts + 2, sizes - 2)).astype("<u8").tobytes())
    expected = np.full(len(sizes), 4 * intervals, "<u8").tobytes()
    bodies = zstandard.ZstdDecompressor().multi_decompress_to_buffer(frames, decompressed_sizes=expected, threads=1)
    factors = (10.0 ** np.frombuffer(packed, np.uint8)[starts + 1].astype(np.int64))[:, None]
    values = np.empty((len(starts), intervals))
    for first in range(0, len(starts), _CACHED):
        end = min(first + _CACHED, len(starts))
        planes = np.frombuffer(b"".join([bodies[block].tobytes() for block in range(first, end)]), np.uint8)
        whole = _unshuffle(planes, end - first, intervals, 4).view("<i4").reshape(end - first, intervals)
        np.divide(whole, factors[first:end], out=values[first:end])
        np.copyto(values[first:end], np.nan, where=whole == _MISSING)
    return values


def _scale(values: Matrix) -> tuple[Int64s, NDArray[np.int32]]:
    """Fewest decimals that hold each block exactly (-1: none do) and the scaled whole numbers."""
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    decimals = np.full(len(values), -1, np.int64)
    scaled = np.zeros(values.shape, np.int32)
    open_ = np.flatnonzero(~(np.signbit(filled) & (filled == 0)).any(axis=1))  # whole numbers have no -0
    for number in _TRIED:
        if not open_.size:
            break
        block = filled[open_]
        with np.errstate(over="ignore"):
            whole = np.rint(block * 10.0**number)
        fits = (np.abs(whole) < 2**31 - 1).all(axis=1) & (whole / 10.0**number == block).all(axis=1)
        decimals[open_[fits]] = number
        scaled[open_[fits]] = whole[fits]
        open_ = open_[~fits]
    _strip(decimals, scaled)
    scaled[missing] = _MISSING
    return decimals, scaled


def _strip(decimals: Int64s, scaled: NDArray[np.int32]) -> None:
    """Take decimals away that are 0 in the whole of a block."""
    open_ = np.flatnonzero(decimals > 0)
    while open_.size:
        open_ = open_[(scaled[open_, ::_SAMPLED] % 10 == 0).all(axis=1)]  # a few tell nearly always
        open_ = open_[(scaled[open_] % 10 == 0).all(axis=1)]
        scaled[open_] //= 10
        decimals[open_] -= 1
        open_ = open_[decimals[open_] > 0]


def _shuffle(values: NDArray[np.generic]) -> bytes:
    """Bytes of (blocks, intervals), within each block all first bytes, then all second bytes, and so on."""
    width = values.dtype.itemsize
    planes = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1, width)
    return planes.transpose(0, 2, 1).tobytes()


def _unshuffle(planes: UInt8s, blocks: int, intervals: int, width: int) -> UInt8s:
    return np.ascontiguousarray(planes.reshape(blocks, width, intervals).transpose(0, 2, 1)).reshape(-1)


def pack_quality(quality: UInt8s, values: Matrix) -> list[bytes | None]:
    """Pack (blocks, intervals) qualities; None = every value present is ACTUAL; one byte = all share that quality.

    Where a value is missing its quality is MISSING, so only values present count.
    """
    present = ~np.isnan(values)
    first = quality[np.arange(len(quality)), present.argmax(axis=1)]
    uniform = ((quality == first[:, None]) | ~present).all(axis=1)
    compress = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=False).compress
    ones = [bytes([number]) for number in range(256)]
    packed: list[bytes | None] = []
    for block, (same, code) in enumerate(zip(uniform.tolist(), first.tolist(), strict=True)):
        if not same:
            packed.append(compress(quality[block].tobytes()))
        else:
            packed.append(None if code == Quality.ACTUAL else ones[code])
    return packed


def unpack_quality(packed: Sequence[bytes | None], values: Matrix) -> UInt8s:
    """The inverse, given the unpacked values: (blocks, intervals)."""
    quality = np.full(values.shape, int(Quality.ACTUAL), np.uint8)
    decompress = zstandard.ZstdDecompressor().decompress
    for block, body in enumerate(packed):
        if body is None:
            continue
        if len(body) == 1:
            quality[block] = body[0]
        else:
            quality[block] = np.frombuffer(decompress(body, max_output_size=values.shape[1]), np.uint8)
    missing = np.isnan(values)
    if missing.any():
        quality[missing] = Quality.MISSING
    return quality


def pack_marks(marks: Sequence[str]) -> str | None:
    """The source's own quality marks of one day, run-length: `3*|5*S14/79`; None when there is none."""
    if not any(marks):
        return None
    runs: list[tuple[int, str]] = []
    for mark in marks:
        if runs and runs[-1][1] == mark:
            runs[-1] = (runs[-1][0] + 1, mark)
        else:
            runs.append((1, mark))
    return "|".join(f"{count}*{mark.replace('|', '/')}" for count, mark in runs)


def unpack_marks(packed: str | None, intervals: int) -> list[str]:
    """The inverse; "" where the source said no more than the quality."""
    if packed is None:
        return [""] * intervals
    marks: list[str] = []
    for run in packed.split("|"):
        count, _, mark = run.partition("*")
        marks += [mark] * int(count)
    return marks

"""The packed form of a day block: values and qualities of one series and day, losslessly.

Values that are whole multiples of a power of ten (nearly all meter data) are stored as int32 with that scale, the bytes
shuffled so that equal high bytes stand together, and compressed with zstd; any other value keeps its float64. Measured
against blosc2 and numcodecs on blocks of 96: docs/adr/0002-day-blocks.md.

First byte of packed values: the form. Second byte of the int32 form: the number of decimals.
"""

from collections.abc import Callable, Sequence

import numpy as np
import zstandard
from numpy.typing import NDArray

from energygrid.metering.quality import Quality
from energygrid.metering.readings import Bools, Int64s, UInt8s

_PLAIN, _SCALED, _DOUBLE = 0, 1, 2
_SHORT = 8
"""Blocks of fewer values are stored plainly: a zstd frame would be longer."""
_MOST_DECIMALS = 9
_MISSING = np.iinfo(np.int32).min
_LEVEL = 1
_SAMPLE = 8

Matrix = NDArray[np.float64]


def pack_values(values: Matrix) -> list[bytes]:
    """Pack (blocks, intervals) float64, NaN = missing."""
    blocks, intervals = values.shape
    if intervals < _SHORT:
        body = values.astype("<f8").tobytes()
        size = 8 * intervals
        return [bytes([_PLAIN]) + body[at : at + size] for at in range(0, blocks * size, size)]
    decimals, scaled = _scale(values)
    compress = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=False).compress
    packed: list[bytes] = []
    size = 4 * intervals
    body = _shuffle(scaled.astype("<i4", copy=False))
    heads = [bytes([_SCALED, number]) for number in range(_MOST_DECIMALS + 1)]
    for block, number in enumerate(decimals.tolist()):
        if number >= 0:
            packed.append(heads[number] + compress(body[block * size : block * size + size]))
        else:
            packed.append(bytes([_DOUBLE]) + compress(_shuffle(values[block : block + 1].astype("<f8"))))
    return packed


def unpack_values(packed: Sequence[bytes], intervals: int) -> Matrix:
    """The inverse: (blocks, intervals) float64."""
    if intervals < _SHORT:
        return np.frombuffer(b"".join(body[1:] for body in packed), "<f8").reshape(-1, intervals).copy()
    scaled = [block for block, body in enumerate(packed) if body[0] == _SCALED]
    decompress = zstandard.ZstdDecompressor().decompress
    if len(scaled) == len(packed):
        return _unpack_scaled(packed, intervals, decompress)
    values = np.empty((len(packed), intervals))
    if scaled:
        values[scaled] = _unpack_scaled([packed[block] for block in scaled], intervals, decompress)
    for block, body in enumerate(packed):
        if body[0] == _DOUBLE:
            planes = np.frombuffer(decompress(body[1:], max_output_size=8 * intervals), np.uint8)
            values[block] = _unshuffle(planes, 1, intervals, 8).view("<f8")
    return values


def _unpack_scaled(packed: Sequence[bytes], intervals: int, decompress: Callable[..., bytes]) -> Matrix:
    size = 4 * intervals
    planes = np.frombuffer(b"".join(decompress(body[2:], max_output_size=size) for body in packed), np.uint8)
    whole = _unshuffle(planes, len(packed), intervals, 4).view("<i4").reshape(len(packed), intervals)
    decimals = np.fromiter((body[1] for body in packed), np.int64, len(packed))
    values: Matrix = whole / (10.0**decimals)[:, None]
    missing = whole == _MISSING
    if missing.any():
        values[missing] = np.nan
    return values


def unpack_joined(packed: bytes, sizes: Int64s, intervals: int) -> Matrix:
    """As `unpack_values`, of blocks that stand one after the other; for very many at once."""
    ends = np.cumsum(sizes)
    starts = ends - sizes
    heads = np.frombuffer(packed, np.uint8)
    if intervals < _SHORT or not len(sizes) or (heads[starts] != _SCALED).any():
        bounds = zip(starts.tolist(), ends.tolist(), strict=True)
        return unpack_values([packed[start:end] for start, end in bounds], intervals)
    frames = zstandard.BufferWithSegments(packed, np.column_stack((starts + 2, sizes - 2)).astype("<u8").tobytes())
    expected = np.full(len(sizes), 4 * intervals, "<u8").tobytes()
    bodies = zstandard.ZstdDecompressor().multi_decompress_to_buffer(frames, decompressed_sizes=expected, threads=1)
    planes = np.frombuffer(b"".join(bodies[place].tobytes() for place in range(len(bodies))), np.uint8).reshape(
        len(sizes), 4, intervals
    )
    whole = np.empty((len(sizes), intervals, 4), np.uint8)
    for place in range(4):
        whole[:, :, place] = planes[:, place]
    numbers = whole.view("<i4")[:, :, 0]
    values: Matrix = numbers / (10.0 ** heads[starts + 1].astype(np.int64))[:, None]
    missing = numbers == _MISSING
    if missing.any():
        values[missing] = np.nan
    return values


def _scale(values: Matrix) -> tuple[Int64s, NDArray[np.int32]]:
    """Fewest decimals that hold each block exactly (-1: none do) and the scaled whole numbers."""
    blocks = len(values)
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    decimals = np.full(blocks, -1, np.int64)
    scaled = np.zeros(values.shape, np.int32)
    open_ = np.arange(blocks)
    for number in range(_MOST_DECIMALS + 1):
        factor = 10.0**number
        # A few values tell nearly always whether this many decimals are too few; then all of the block decide.
        likely = open_[_exact(filled[open_, : _SAMPLE * 4 : 4], factor)]
        fits = likely[_exact(filled[likely], factor)]
        decimals[fits] = number
        scaled[fits] = np.rint(filled[fits] * factor).astype(np.int32)
        open_ = open_[decimals[open_] < 0]
        if not open_.size:
            break
    if missing.any():
        scaled[missing] = _MISSING
    return decimals, scaled


def _exact(values: Matrix, factor: float) -> Bools:
    """Per row: whether every value is a whole multiple of 1/factor that int32 holds, and comes back bit by bit."""
    with np.errstate(over="ignore"):
        whole = np.rint(values * factor)
    same = (whole / factor == values) & (np.abs(whole) < 2**31 - 1) & ~(np.signbit(values) & (values == 0))
    fits: Bools = same.all(axis=1)
    return fits


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

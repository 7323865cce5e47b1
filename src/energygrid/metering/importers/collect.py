"""What a line by line importer has found so far, handed on as columns once there is enough of it."""

from collections import Counter
from typing import Generic, TypeVar

import numpy as np

from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.sources import cut
from energygrid.metering.readings import (
    Float64s,
    Int16s,
    Int64s,
    Note,
    Parsed,
    ReadingBatch,
    RegisterReads,
    Reject,
    SeriesKey,
    UInt8s,
)

T = TypeVar("T")
_NOTES_OF_A_KIND = 100
_MOST_LABELS = 30_000
PLAIN = -1
"""Label of readings whose source says no more than their quality."""


class _Numbers(Generic[T]):
    """Positions given out on first sight."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self._at: dict[T, int] = {}

    def of(self, item: T) -> int:
        at = self._at.setdefault(item, len(self.items))
        if at == len(self.items):
            self.items.append(item)
        return at


class Collector:
    """Readings come in runs: many of one series, from one line. `full` says when to `take` them."""

    def __init__(self, options: ImportOptions) -> None:
        self._options = options
        self._notes_of: Counter[str] = Counter()
        self.batch = 0
        self._start_over()

    def _start_over(self) -> None:
        self._keys: _Numbers[SeriesKey] = _Numbers()
        self._labels: _Numbers[str] = _Numbers()
        self._runs: list[tuple[Int64s | int, int, Int64s, Float64s, UInt8s | int, Int16s | int] | None] = []
        self._register_keys: _Numbers[SeriesKey] = _Numbers()
        self._registers: list[tuple[int, int, int, float, int]] = []
        self._rejects: list[Reject] = []
        self._notes: list[Note] = []
        self._readings = 0

    @property
    def full(self) -> bool:
        enough = self._options.batch_rows
        crowded = len(self._labels.items) > _MOST_LABELS or len(self._rejects) + len(self._registers) > enough
        return self._readings >= enough or crowded

    def add(
        self,
        row: Int64s | int,
        key: SeriesKey,
        start: Int64s,
        value: Float64s,
        quality: UInt8s | int,
        label: Int16s | int = PLAIN,
    ) -> tuple[int, int]:
        """One run; returns a handle for `drop`. `label` comes from `label_of`."""
        self._runs.append((row, self._keys.of(key), start, value, quality, label))
        self._readings += len(start)
        return self.batch, len(self._runs) - 1

    def drop(self, handle: tuple[int, int]) -> None:
        """Takes a run back, unless it has been handed on already."""
        batch, at = handle
        if batch == self.batch:
            self._runs[at] = None

    def label_of(self, text: str) -> int:
        return self._labels.of(text) if text else PLAIN

    def add_register(self, row: int, key: SeriesKey, at: int, value: float, quality: int) -> None:
        self._registers.append((row, self._register_keys.of(key), at, value, quality))

    def reject(self, row: int, code: str, message: str, text: str = "") -> None:
        self._rejects.append(Reject(row, code, message, cut(text)))

    def note(self, row: int, code: str, message: str) -> None:
        """Notes of one code are listed up to a hundred, after that only counted."""
        self._notes_of[code] += 1
        if self._notes_of[code] <= _NOTES_OF_A_KIND:
            self._notes.append(Note(row, code, message))

    def take(self, *, last: bool = False) -> Parsed:
        """Everything since the last call."""
        if last:
            self._notes += [
                Note(0, code, f"{count - _NOTES_OF_A_KIND} more of this kind")
                for code, count in self._notes_of.items()
                if count > _NOTES_OF_A_KIND
            ]
        parsed = Parsed(self._batch(), self._register_reads(), self._rejects, self._notes)
        self.batch += 1
        self._start_over()
        return parsed

    def _batch(self) -> ReadingBatch | None:
        runs = [run for run in self._runs if run is not None and len(run[2])]
        if not runs:
            return None
        rows, keys, starts, values, qualities, labels = zip(*runs, strict=True)
        counts = [len(start) for start in starts]
        return ReadingBatch(
            series=self._keys.items,
            index=np.repeat(np.array(keys, np.int32), counts),
            start=np.concatenate(starts),
            value=np.concatenate(values),
            quality=_spread(qualities, counts).astype(np.uint8),
            row=_spread(rows, counts),
            source_labels=self._labels.items,
            source_code=_spread(labels, counts).astype(np.int16) if self._labels.items else None,
        )

    def _register_reads(self) -> RegisterReads | None:
        if not self._registers:
            return None
        row, key, at, value, quality = zip(*self._registers, strict=True)
        return RegisterReads(
            series=self._register_keys.items,
            index=np.array(key, np.int32),
            at=np.array(at, np.int64),
            value=np.array(value, np.float64),
            quality=np.array(quality, np.uint8),
            row=np.array(row, np.int64),
        )


def _spread(marks: tuple[UInt8s | Int16s | Int64s | int, ...], counts: list[int]) -> Int64s:
    """One mark a reading, from runs that have one for all or one for each."""
    flat = np.repeat(np.array([m if isinstance(m, int) else 0 for m in marks], np.int64), counts)
    at = 0
    for mark, count in zip(marks, counts, strict=True):
        if not isinstance(mark, int):
            flat[at : at + count] = mark
        at += count
    return flat

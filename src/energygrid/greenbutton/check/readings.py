"""The readings of interval blocks, as columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from energygrid.greenbutton.atom import USAGE

Int64s: TypeAlias = NDArray[np.int64]

_FITS = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True)
class Block:
    """One IntervalBlock. None: not there, or not a whole number.

    readings        how many IntervalReading elements it has
    starts ... lines  of those readings whose start, duration and value are whole numbers, in the order of the file
    lacking         of the other ones: line, and what is wrong with each of start, duration and value
    costs           how many readings have a cost
    """

    line: int
    start: int | None
    duration: int | None
    readings: int
    starts: Int64s
    durations: Int64s
    values: Int64s
    lines: Int64s
    lacking: tuple[tuple[int, dict[str, str]], ...]
    costs: int

    @property
    def end(self) -> int | None:
        return None if self.start is None or self.duration is None else self.start + self.duration

    @cached_property
    def order(self) -> NDArray[np.intp]:
        return np.argsort(self.starts, kind="stable")


def blocks_of(content: Iterable[etree._Element]) -> tuple[Block, ...]:
    return tuple(_block(each) for each in content if each.tag == _INTERVAL_BLOCK)


def line_of(element: etree._Element) -> int:
    """Line of the document, from 1; 0 when it is not known."""
    line: object = element.sourceline
    return line if isinstance(line, int) else 0


def _tag(name: str) -> str:
    return f"{{{USAGE}}}{name}"


_INTERVAL_BLOCK, _READING = _tag("IntervalBlock"), _tag("IntervalReading")
_START, _DURATION = f"{_tag('timePeriod')}/{_tag('start')}", f"{_tag('timePeriod')}/{_tag('duration')}"
_VALUE, _COST = _tag("value"), _tag("cost")


def _block(element: etree._Element) -> Block:
    rows: list[tuple[int, int, int, int]] = []
    lacking: list[tuple[int, dict[str, str]]] = []
    costs = count = 0
    for reading in element.iterchildren(_READING):
        count += 1
        line = line_of(reading)
        texts = (reading.findtext(_START), reading.findtext(_DURATION), reading.findtext(_VALUE))
        costs += reading.find(_COST) is not None
        start, duration, value = (_whole(text) for text in texts)
        if start is not None and duration is not None and value is not None:
            rows.append((start, duration, value, line))
        else:
            names = ("timePeriod/start", "timePeriod/duration", "value")
            lacking.append((line, {name: _wrong(text) for name, text in zip(names, texts, strict=True)}))
    starts, durations, values, lines = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    interval = _tag("interval")
    return Block(
        line_of(element),
        _whole(element.findtext(f"{interval}/{_tag('start')}")),
        _whole(element.findtext(f"{interval}/{_tag('duration')}")),
        count,
        starts,
        durations,
        values,
        lines,
        tuple(lacking),
        costs,
    )


def _wrong(text: str | None) -> str:
    """What is wrong with a number; "" when nothing is."""
    if text is None:
        return "missing"
    return "" if _whole(text) is not None else f"{text.strip()[:40]!r} is not a whole number"


def _whole(text: str | None) -> int | None:
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if number in _FITS else None

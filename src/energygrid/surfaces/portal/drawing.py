"""A figure as rectangles and lines: the SVG that pages show where no script runs. Pure."""

import math
from dataclasses import dataclass

from energygrid.surfaces.portal.figures import WORDS, Figure

WIDTH, HEIGHT = 960.0, 300.0
_THICK = 2.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 8.0, 10.0, 28.0


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A tick of an axis: where, and its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Positions in a box of `width` by `height`; `zero` is the height of the value 0."""

    width: float
    height: float
    left: float
    right: float
    bottom: float
    zero: float
    rects: tuple[Rect, ...]
    gaps: tuple[Rect, ...]
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]


def draw(figure: Figure) -> Drawing:
    low, high, step = _scale(figure)
    inner = WIDTH - _LEFT - _RIGHT
    tall = HEIGHT - _TOP - _BOTTOM

    def x(position: float) -> float:
        return round(_LEFT + inner * position / figure.length, 2)

    def y(value: float) -> float:
        return round(_TOP + tall * (high - value) / (high - low), 2)

    rects = []
    for bar in figure.bars:
        for column, cell in zip(figure.columns, bar.cells, strict=True):
            if cell.value is None:
                continue
            value = -cell.value if column.below else cell.value
            top, foot = y(max(value, 0.0)), y(min(value, 0.0))
            if column.over:
                top, foot = y(value) - _THICK / 2, y(value) + _THICK / 2
            width = max(round((x(bar.end) - x(bar.start)) * 0.86, 2), 0.5)
            word = f", {WORDS[cell.state]}" if WORDS[cell.state] else ""
            title = f"{bar.label}: {column.name} {cell.value:,.3f} {figure.unit}{word}"
            rects.append(
                Rect(x(bar.start), round(top, 2), width, round(foot - top, 2), f"{column.flow} {cell.state}", title)
            )
    gaps = tuple(
        Rect(x(start), _TOP, round(x(end) - x(start), 2), tall, "gap", "no reading") for start, end in figure.gaps()
    )
    count = round((high - low) / step)
    up = tuple(Mark(y(low + step * place), f"{low + step * place:,.10g}") for place in range(count + 1))
    across = tuple(Mark(x(at), text) for at, text in figure.ticks if at < figure.length)
    return Drawing(WIDTH, HEIGHT, _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM, y(0.0), tuple(rects), gaps, across, up)


def _scale(figure: Figure) -> tuple[float, float, float]:
    """Lowest and highest value of the axis and the step of its ticks: round numbers, zero among them."""
    values = [
        -cell.value if column.below else cell.value
        for bar in figure.bars
        for column, cell in zip(figure.columns, bar.cells, strict=True)
        if cell.value is not None
    ]
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        high = 1.0
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return math.floor(round(low / step, 9)) * step, math.ceil(round(high / step, 9)) * step, step

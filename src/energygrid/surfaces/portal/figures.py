"""Charts of readings as values: one list of bars for the table, for Plotly and for the drawing without it. Pure.

A gap is a bar without a value, never one of height zero.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from energygrid.greenbutton.own.usage import Chart
from energygrid.metering.aggregation import Totals
from energygrid.metering.calendar import date_of, day_span, local_days
from energygrid.metering.grid import Readings
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Flow
from energygrid.metering.series import Series

_SURE = (Quality.ACTUAL, Quality.RAW, Quality.UNKNOWN)
_MADE_UP = (Flow.NET, Flow.TOTAL)
"""Flows that others make together, where they are there too."""
FLOWS = {
    Flow.DELIVERED: "Taken from the grid",
    Flow.RECEIVED: "Fed into the grid",
    Flow.NET: "Net",
    Flow.TOTAL: "Total",
}


class State(StrEnum):
    """How far a bar can be trusted."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    INCOMPLETE = "incomplete"
    MISSING = "missing"


_KNOWN = (State.MEASURED, State.ESTIMATED, State.INCOMPLETE)
WORDS = {State.MEASURED: "", State.ESTIMATED: "estimated", State.INCOMPLETE: "incomplete", State.MISSING: "no reading"}


@dataclass(frozen=True, slots=True)
class Column:
    """One series: its name and its flow.

    below  its bars hang below the axis
    over   no bars of its own but marks over those of the others, which make it up: it would be counted twice
    """

    name: str
    flow: str
    below: bool
    over: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """`value` is None in a gap."""

    value: float | None
    state: State


@dataclass(frozen=True, slots=True)
class Bar:
    """All series of one day or interval.

    start, end  position on the axis: days since the first, or hours since local midnight
    """

    start: float
    end: float
    label: str
    day: date
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """`ticks`: positions on the axis with their texts; `length`: where the axis ends."""

    unit: str
    columns: tuple[Column, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    length: float

    @property
    def states(self) -> list[State]:
        """Those that occur, best first."""
        present = {cell.state for bar in self.bars for cell in bar.cells}
        return [state for state in State if state in present]

    def gaps(self) -> Iterator[tuple[float, float]]:
        """Stretches without any reading that lie between readings, joined."""
        known = [place for place, bar in enumerate(self.bars) if any(cell.value is not None for cell in bar.cells)]
        inner = self.bars[known[0] : known[-1]] if known else ()
        start: float | None = None
        for bar in inner:
            empty = all(cell.value is None for cell in bar.cells)
            if empty and start is None:
                start = bar.start
            elif not empty and start is not None:
                yield start, bar.start
                start = None

    def total(self, column: int) -> float | None:
        values = [bar.cells[column].value for bar in self.bars]
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    def complete(self, column: int) -> bool:
        return all(bar.cells[column].state in {State.MEASURED, State.ESTIMATED} for bar in self.bars)

    def data(self, day_link: str = "") -> str:
        """What charts.js draws, as JSON. `day_link`: address of a day but for its date; "" when bars lead nowhere."""
        traces = [
            {
                "name": column.name + (f" ({WORDS[states[0]]})" if WORDS[states[0]] else ""),
                "flow": column.flow,
                "state": states[0],
                "over": column.over,
                "x": [(bar.start + bar.end) / 2 for bar in self.bars],
                "y": [
                    _signed(bar.cells[place], column) if bar.cells[place].state in states else None for bar in self.bars
                ],
                "hover": [bar.label for bar in self.bars],
                "width": [bar.end - bar.start for bar in self.bars],
                "links": [f"{day_link}{bar.day}" for bar in self.bars] if day_link else [],
            }
            for place, column in enumerate(self.columns)
            for states in ([_KNOWN] if column.over else [(state,) for state in _KNOWN])
            if any(bar.cells[place].state in states for bar in self.bars)
        ]
        return json.dumps(
            {
                "unit": self.unit,
                "traces": traces,
                "ticks": [list(each) for each in zip(*self.ticks, strict=True)],
                "gaps": [list(gap) for gap in self.gaps()],
                "length": self.length,
            }
        )


def _signed(cell: Cell, column: Column) -> float | None:
    return -cell.value if column.below and cell.value is not None else cell.value


def year_figure(chart: Chart, totals: Sequence[Totals], first: date, end: date) -> Figure:
    """A bar a local day in [first, end)."""
    days = local_days(totals[0].start, chart.zone).tolist()
    bars = []
    for place, number in enumerate(days):
        day = date_of(number)
        cells = tuple(_day_cell(each, place) for each in totals)
        at = float((day - first).days)
        bars.append(Bar(at, at + 1, f"{day:%a} {day.day} {day:%b %Y}", day, cells))
    months = [bar for bar in bars if bar.day.day == 1]
    ticks = tuple((bar.start, f"{bar.day:%b}" + (f" {bar.day:%Y}" if bar.day.month == 1 else "")) for bar in months)
    return Figure(chart.unit, _columns(chart), tuple(bars), ticks, float((end - first).days))


def _day_cell(totals: Totals, place: int) -> Cell:
    present, expected = int(totals.present[place]), int(totals.expected[place])
    if present == 0:
        return Cell(None, State.MISSING)
    value = round(float(totals.value[place]), 9)
    if present < expected:
        return Cell(value, State.INCOMPLETE)
    return Cell(value, State.MEASURED if Quality(int(totals.quality[place])) in _SURE else State.ESTIMATED)


def day_figure(chart: Chart, readings: Sequence[Readings], day: date) -> Figure:
    """A bar an interval, by hours since local midnight, so that a day of 23 or 25 hours is as long as it was."""
    midnight, end = day_span(day, chart.zone).instants()
    zone = ZoneInfo(chart.zone)
    bars = []
    for place, start in enumerate(readings[0].start.tolist()):
        at = (start - midnight) / 3600
        cells = tuple(_cell(each, place) for each in readings)
        label = f"{_clock(start, zone)} to {_clock(start + chart.interval_s, zone)}"
        bars.append(Bar(at, at + chart.interval_s / 3600, label, day, cells))
    length = (end - midnight) / 3600
    hours = range(0, int(length) + 1, 2 if length > 12 else 1)
    ticks = tuple((float(hour), _clock(midnight + hour * 3600, zone)) for hour in hours)
    return Figure(chart.unit, _columns(chart), tuple(bars), ticks, length)


def _cell(readings: Readings, place: int) -> Cell:
    value = float(readings.value[place])
    if np.isnan(value):
        return Cell(None, State.MISSING)
    sure = Quality(int(readings.quality[place])) in _SURE
    return Cell(round(value, 9), State.MEASURED if sure else State.ESTIMATED)


def _clock(instant: int, zone: ZoneInfo) -> str:
    """The hour that comes twice in autumn is told apart by the name of its time."""
    local = datetime.fromtimestamp(instant, UTC).astimezone(zone)
    twin = local.replace(fold=1 - local.fold)
    repeated = twin.utcoffset() != local.utcoffset() and twin.astimezone(UTC).astimezone(zone).hour == local.hour
    return f"{local:%H:%M}" + (f" {local.tzname()}" if repeated else "")


def _columns(chart: Chart) -> tuple[Column, ...]:
    flows = [each.flow for each in chart.series]
    both = {Flow.DELIVERED, Flow.RECEIVED} <= set(flows)
    return tuple(
        Column(
            _name(chart, each),
            str(each.flow),
            below=both and each.flow is Flow.RECEIVED,
            over=each.flow in _MADE_UP and each.flow is not flows[0],
        )
        for each in chart.series
    )


def _name(chart: Chart, series: Series) -> str:
    alike = [each for each in chart.series if each.flow is series.flow]
    name = FLOWS[series.flow] if len(chart.series) > 1 or series.flow is not Flow.DELIVERED else "Consumption"
    return f"{name}, channel {series.channel}" if len(alike) > 1 and series.channel else name


@dataclass(frozen=True, slots=True)
class Month:
    first: date
    cells: tuple[Cell, ...]


def months(figure: Figure) -> list[Month]:
    """Sums of the days of each calendar month; incomplete when a day is."""
    by_month: dict[date, list[Bar]] = {}
    for bar in figure.bars:
        by_month.setdefault(bar.day.replace(day=1), []).append(bar)
    return [
        Month(first, tuple(_sum([bar.cells[place] for bar in bars]) for place in range(len(figure.columns))))
        for first, bars in by_month.items()
    ]


def _sum(cells: Sequence[Cell]) -> Cell:
    known = [cell.value for cell in cells if cell.value is not None]
    if not known:
        return Cell(None, State.MISSING)
    states = {cell.state for cell in cells}
    if states & {State.MISSING, State.INCOMPLETE}:
        return Cell(sum(known), State.INCOMPLETE)
    return Cell(sum(known), State.ESTIMATED if State.ESTIMATED in states else State.MEASURED)

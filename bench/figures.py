"""Timing, and how a figure is printed beside its limit."""

import os
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

console = Console(width=132)


def seconds(work: Callable[[], object], *, runs: int = 5, warm_up: int = 1) -> float:
    """Median wall time of one run."""
    for _ in range(warm_up):
        work()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


@dataclass(frozen=True)
class Figure:
    """`reached` and `limit` in the same unit; for a rate more is better, for a time less."""

    what: str
    reached: float
    limit: float
    unit: str
    limit_is: str
    aim: str = ""
    more_is_better: bool = True

    @property
    def ratio(self) -> float:
        return self.reached / self.limit if self.more_is_better else self.limit / self.reached


def show(title: str, figures: list[Figure]) -> None:
    table = Table("figure", "reached", "limit", "share of limit", "limit is", "aim", title=title, title_justify="left")
    for figure in figures:
        table.add_row(
            figure.what,
            f"{figure.reached:,.3g} {figure.unit}" if figure.reached < 1000 else f"{figure.reached:,.0f} {figure.unit}",
            f"{figure.limit:,.3g}" if figure.limit < 1000 else f"{figure.limit:,.0f}",
            f"{figure.ratio:.0%}",
            figure.limit_is,
            figure.aim,
        )
    console.print(table)


def peak_mb(pid: int) -> float:
    """Most memory a process has held [MB]; 0 where the system does not tell."""
    return _status_mb(pid, "VmHWM")


def resident_mb(pid: int) -> float:
    """Memory a process holds now [MB]; from here on its peak is counted anew, where the system can."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status_mb(pid, "VmRSS")


def processor_seconds(pid: int) -> float:
    """Processor time that a process has taken so far, in steps of the system's clock tick; 0 where it does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_mb(pid: int, name: str) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith(f"{name}:")), f"{name}: 0 kB")
    return int(line.split()[1]) / 1024

"""The written proof of a statement: everything its figures come from, as canonical JSON, hashed and chained.

Canonical: members in the order below, no spaces, floats in their shortest form that reads back to the same bits, a
missing number null. The hash of all statements of an event takes them in the order of their assets' UUIDs.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from energygrid.flexibility.baselines.compute import Baselines
from energygrid.flexibility.baselines.selection import Reason
from energygrid.flexibility.runs.loading import Revisions
from energygrid.metering.readings import Bools, UInt8s

LETTERS = {
    Reason.OUTSIDE: ".",
    Reason.PICKED: "P",
    Reason.OTHER_DAY_TYPE: "T",
    Reason.HOLIDAY: "H",
    Reason.CLOCK_CHANGE: "C",
    Reason.EVENT_DAY: "E",
    Reason.INCOMPLETE: "I",
    Reason.LOW_USAGE: "L",
    Reason.RANKED_OUT: "R",
    Reason.NOT_NEEDED: "-",
    Reason.FILLED: "F",
    Reason.EVENT_DAY_NOT_FILLED: "N",
}
REASONS = {letter: reason for reason, letter in LETTERS.items()}
_TABLE = np.array([ord(LETTERS[Reason(number)]) for number in range(len(LETTERS))], np.uint8)
_EVENT_DAYS = frozenset(ord(LETTERS[each]) for each in (Reason.EVENT_DAY, Reason.FILLED, Reason.EVENT_DAY_NOT_FILLED))

encode = msgspec.json.Encoder().encode


def of_flow(baselines: Baselines, revisions: Revisions) -> list[dict[str, Any]]:
    """The part of each asset that tells of one flow's baseline.

    readings  revisions of the UTC days' blocks, `61*1` run by run; 0: there is none
    days      for each local day that needed reference days: a letter for every day from `firstDay` on
    """
    letters = [(each.day.isoformat(), _rows(each.reason)) for each in baselines.selections]
    return [
        {
            "readings": readings,
            "days": {day: rows[row] for day, rows in letters},
            "baselineState": state,
            "unadjusted": unadjusted,
            "adjustment": adjustment,
            "windowMissing": missing,
        }
        for row, (readings, state, unadjusted, adjustment, missing) in enumerate(
            zip(
                runs(revisions),
                baselines.state.tolist(),
                baselines.unadjusted.tolist(),
                baselines.adjustment.tolist(),
                baselines.window_missing.tolist(),
                strict=True,
            )
        )
    ]


def _rows(reason: UInt8s) -> list[str]:
    text, width = _TABLE[reason].tobytes().decode("ascii"), reason.shape[1]
    return [text[at : at + width] for at in range(0, len(text), width)]


def runs(revisions: Revisions) -> list[str]:
    """Each row run by run: `3*1,1*2` for 1 1 1 2."""
    whole = f"{revisions.shape[1]}*"
    alike = (revisions == revisions[:, :1]).all(axis=1).tolist()
    return [
        f"{whole}{first}" if same else _run(revisions[row])
        for row, (same, first) in enumerate(zip(alike, revisions[:, 0].tolist(), strict=True))
    ]


def _run(row: Revisions) -> str:
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    lengths = np.diff(np.append(starts, len(row)))
    return ",".join(f"{length}*{value}" for length, value in zip(lengths.tolist(), row[starts].tolist(), strict=True))


def read_runs(text: str) -> Revisions:
    """The inverse, of one row."""
    parts = [part.split("*") for part in text.split(",")]
    return np.repeat(np.array([int(value) for _, value in parts], np.int32), [int(count) for count, _ in parts])


def event_days(letters: str) -> Bools:
    """(D,) days that counted as days of another event."""
    found: Bools = np.isin(np.frombuffer(letters.encode(), np.uint8), list(_EVENT_DAYS))
    return found


def digest(evidence: bytes) -> bytes:
    return hashlib.sha256(evidence).digest()


def chain(head: bytes, digests: Iterable[bytes]) -> bytes:
    """The head after each digest has been added: no statement can be changed, left out or added without changing it."""
    for each in digests:
        head = hashlib.sha256(head + each).digest()
    return head

"""What an import says about single rows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken, and why. `row` is its 1-based line; `text` the row itself, cut to 200 characters."""

    row: int
    code: str
    message: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader of the file should know; nothing was refused for it."""

    row: int
    code: str
    message: str

"""Scope strings of ESPI: `FB=4_16_51;IntervalDuration=900_3600;HistoryLength=63072000`.

Source: contracts/greenbutton.md 3.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from energygrid.errors import Invalid

FUNCTION_BLOCKS = frozenset(range(1, 72)) - frozenset({*range(20, 26), 45})
"""Numbers that the Green Button Alliance lists or keeps; those that never were do not make a scope."""


@dataclass(frozen=True, slots=True)
class EspiScope:
    """A parsed scope. `text` is the string itself, letter by letter; `terms` its parameters as written."""

    text: str
    blocks: frozenset[int]
    terms: Mapping[str, str] = field(default_factory=dict)

    @property
    def intervals(self) -> bool:
        return bool(self.blocks & {4, 5, 6, 7, 8, 9, 10, 11, 29})

    @property
    def summaries(self) -> bool:
        return bool(self.blocks & {15, 16, 26, 27, 28})

    @property
    def costs(self) -> bool:
        return bool(self.blocks & {12, 16, 28})

    @property
    def power_quality(self) -> bool:
        return 17 in self.blocks

    @property
    def customer(self) -> bool:
        return bool(self.blocks & {46, *range(51, 63)})

    @property
    def interval_durations(self) -> frozenset[int]:
        """Seconds; empty: all."""
        written = self.terms.get("IntervalDuration", "")
        return frozenset(int(each) for each in written.split("_") if each.isdigit())


def parse_scope(text: str) -> EspiScope:
    """Raises Invalid("BAD_SCOPE")."""
    first, *rest = text.split(";")
    name, _, numbers = first.partition("=")
    parts = numbers.split("_")
    if name != "FB" or not all(part.isascii() and part.isdigit() for part in parts):
        raise Invalid("BAD_SCOPE", "a scope begins with FB= and numbers joined by _")
    terms = dict(each.partition("=")[::2] for each in rest)
    return EspiScope(text, frozenset(map(int, parts)), terms)


EVERYTHING = EspiScope("", frozenset(range(1, 72)))
"""A customer's own view of its data."""

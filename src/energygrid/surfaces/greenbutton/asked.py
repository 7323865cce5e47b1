"""What a request asks for beside its path: the window, a page of a list, how deep (contracts/greenbutton.md 3.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from energygrid.greenbutton.window import EVERYTHING, NAMES, Window, bad_parameter, window_of

_NUMBER = re.compile(r"\d{1,15}", re.ASCII)
_NUMBERS = {
    "start-index": ("start_index", 1),
    "startIndex": ("start_index", 1),
    "max-results": ("max_results", 1),
    "maxResults": ("max_results", 1),
    "depth": ("depth", 0),
}
"""Parameters, the fields they fill, and their least value."""

_TOKEN = re.compile(r"[^A-Za-z0-9_.-]+")
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """`ignored`: names of parameters that mean nothing here."""

    window: Window = EVERYTHING
    start_index: int = 1
    max_results: int | None = None
    depth: int | None = None
    ignored: Sequence[str] = field(default=())


def asked_of(request: Request) -> Asked:
    """Raises Invalid("BAD_PARAMETER")."""
    if not request.scope["query_string"]:
        return _NOTHING
    parameters = request.query_params.multi_items()
    numbers: dict[str, int] = {}
    for name, text in parameters:
        if name in _NUMBERS:
            field_name, least = _NUMBERS[name]
            number = _number(name, text, least)
            if numbers.setdefault(field_name, number) != number:
                raise bad_parameter(name, f"{name} is given twice, with different values")
    unknown = dict.fromkeys(name for name, _ in parameters if name not in NAMES and name not in _NUMBERS)
    return Asked(window_of(parameters), **numbers, ignored=tuple(unknown))


def notes(asked: Asked) -> dict[str, str]:
    """The header that tells a caller which of its parameters were ignored."""
    if not asked.ignored:
        return {}
    names = (_TOKEN.sub("_", name)[:40] for name in asked.ignored[:_MOST_NAMED])
    return {"Ignored-Parameters": ", ".join(name or "_" for name in names)}


def _number(name: str, text: str, least: int) -> int:
    if not _NUMBER.fullmatch(text.strip()) or int(text) < least:
        raise bad_parameter(name, f"{name} is not a whole number of {least} or more")
    return int(text)


_NOTHING = Asked()

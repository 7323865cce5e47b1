"""Which part of the data a request asks for: `published-min=2018-08-01T00:00:00Z` and its like.

Written as lenient as live clients need it: fractions of seconds, offsets (whose `+` may have arrived as a space), a
bare date, the camel-case spellings of one utility. Source: contracts/greenbutton.md 3.2.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from energygrid.errors import Invalid

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s?(?:([Zz])|([ +-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)

NAMES = {
    "published-min": "published_min",
    "published-max": "published_max",
    "updated-min": "updated_min",
    "updated-max": "updated_max",
    "publishedMin": "published_min",
    "publishedMax": "published_max",
    "updatedMin": "updated_min",
    "updatedMax": "updated_max",
}
"""Parameters and the fields of a window."""


@dataclass(frozen=True, slots=True)
class Window:
    """Epoch seconds, half-open [min, max); None: no limit on that side. Any year from 1 to 9999 may come in.

    published  the data's own time: intervals that start at or after min and end by max
    updated    when the data were stored, or last changed
    """

    published_min: int | None = None
    published_max: int | None = None
    updated_min: int | None = None
    updated_max: int | None = None


EVERYTHING = Window()


def window_of(parameters: Iterable[tuple[str, str]]) -> Window:
    """The window that query parameters name; others are left alone.

    Raises Invalid("BAD_PARAMETER") with the parameter's name.
    """
    found: dict[str, int] = {}
    for name, text in parameters:
        field = NAMES.get(name)
        if field is None:
            continue
        instant = seconds_of(name, text)
        if found.setdefault(field, instant) != instant:
            raise bad_parameter(name, f"{name} is given twice, with different times")
    window = Window(**found)
    _require_order("published", window.published_min, window.published_max)
    _require_order("updated", window.updated_min, window.updated_max)
    return window


def seconds_of(name: str, text: str) -> int:
    """Whole epoch seconds of a time: a fraction narrows the window, upwards for a -min and downwards for a -max.

    A time without an offset is UTC, as is a bare date, which is its midnight.
    """
    found = _INSTANT.fullmatch(text.strip())
    example = "2018-08-01T00:00:00Z"
    if found is None:
        raise bad_parameter(name, f"{name} is not a time such as {example}")
    date, clock, fraction, _, sign, hours, minutes = found.groups()
    try:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) if hours else timedelta()
        zone = timezone(-offset if sign == "-" else offset)
        instant = datetime.fromisoformat(f"{date}T{clock or '00:00'}").replace(tzinfo=zone).timestamp()
    except ValueError as error:
        raise bad_parameter(name, f"{name} is not a time such as {example}: {error}") from error
    return int(instant) + (1 if fraction and int(fraction) and name.lower().endswith("min") else 0)


def bad_parameter(name: str, message: str) -> Invalid:
    return Invalid("BAD_PARAMETER", message, parameter=name)


def _require_order(kind: str, lowest: int | None, highest: int | None) -> None:
    if (lowest if lowest is not None else -math.inf) > (highest if highest is not None else math.inf):
        raise bad_parameter(f"{kind}-min", f"{kind}-min lies after {kind}-max")

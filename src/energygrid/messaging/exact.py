"""JSON that reads the same after a receiver's JavaScript has parsed it and written it again.

Such receivers check a signature over `JSON.stringify(JSON.parse(body))`. It equals the body that was signed when there
is nothing between the tokens, text is UTF-8 without escapes that are not needed, no number is one that JavaScript
prints in another way, and members whose names are array indices come first. Source: contracts/flexibility.md 1.8.
"""

import json
from collections.abc import Mapping
from decimal import Decimal

_MOST = 2**53 - 1
_MOST_INDEX = 2**32 - 2


def dumps(value: object) -> bytes:
    """Raises TypeError for a number that cannot keep its spelling: decimals are sent as text."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def check(value: object) -> None:
    """Raise TypeError where `dumps` would."""
    dumps(value)


def decimal_text(value: Decimal) -> str:
    """Digits as they are, never with an exponent: 2.25, 10, 0.00."""
    return f"{value:f}"


def _ordered(value: object) -> object:
    if isinstance(value, Mapping):
        members = sorted(value.items(), key=lambda member: _place(member[0]))
        return {name: _ordered(each) for name, each in members}
    if isinstance(value, list | tuple):
        return [_ordered(each) for each in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) and abs(value) <= _MOST:
        return value
    raise TypeError(f"{value!r} cannot be sent as it is; send it as text")


def _place(name: object) -> tuple[bool, int]:
    """JavaScript puts array indices first, by number, and leaves the rest as written."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is not the name of a member")
    is_index = name.isascii() and name.isdigit() and str(int(name)) == name and int(name) <= _MOST_INDEX
    return (False, int(name)) if is_index else (True, 0)

"""Values out of what an importer hands on: numbers, money, instants, local days, yes and no."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from energygrid.metering.told import Value, text

_CURRENCIES = {36: "AUD", 124: "CAD", 156: "CNY", 208: "DKK", 356: "INR", 392: "JPY", 578: "NOK"}
_CURRENCIES |= {643: "RUB", 752: "SEK", 756: "CHF", 826: "GBP", 840: "USD", 978: "EUR"}


class Homeless(ValueError):
    """A resource cannot be kept; `args` has the reason, without anything personal."""


def said(**fields: Any) -> dict[str, Any]:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def number(tree: "Value | None", *names: str) -> Decimal | None:
    """Whole numbers are all that ESPI writes; anything else counts as absent."""
    try:
        found = Decimal(text(tree, *names) or "")
    except InvalidOperation:
        return None
    return found if found.is_finite() and found == found.to_integral_value() and abs(found) < 10**15 else None


def count(tree: "Value | None", *names: str) -> int | None:
    found = number(tree, *names)
    return None if found is None else int(found)


def scaled(tree: "Value | None", name: str, power: int) -> Decimal | None:
    """A whole number that counts powers of ten."""
    found = number(tree, name)
    return None if found is None else found.scaleb(power)


def money(tree: "Value | None", name: str) -> Decimal | None:
    return scaled(tree, name, -5)


def currency(tree: "Value | None") -> str | None:
    return _CURRENCIES.get(count(tree, "currency") or 0)


def flag(tree: "Value | None", name: str) -> bool | None:
    words: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}
    return words.get(text(tree, name) or "")


def instant(seconds: Decimal) -> datetime:
    """Raises Homeless when it is none."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise Homeless("its times are no instants") from None


def day(tree: "Value | None", zone: str, *names: str) -> date | None:
    """The local day of an instant."""
    found = number(tree, *names)
    return None if found is None else local(instant(found), zone)


def last_day(tree: "Value | None", zone: str) -> date | None:
    """The last local day of an interval; None when it has no end, or none that is later than its start."""
    start, duration = number(tree, "start"), number(tree, "duration")
    if start is None or duration is None or duration <= 0:
        return None
    return local(instant(start + duration) - timedelta(seconds=1), zone)


def local(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()

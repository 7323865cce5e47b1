"""Values in billing files: dates, numbers, names, and how a column's name is compared."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, ValidationInfo

from energygrid.billing.settings import DateOrder


def squash(name: str) -> str:
    """A column or member name as it is compared."""
    return re.sub(r"[\s_.\-]", "", name).lower()


@dataclass(frozen=True, slots=True)
class DateRules:
    """How `1/2/2025` is read; with None such dates are refused, never guessed (contracts/powerbox.md C26)."""

    order: DateOrder | None = None


_SLASHED = re.compile(r"(\d{1,4})[/.](\d{1,2})[/.](\d{1,4})")
_COMPACT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


def _read_date(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if match := _COMPACT.fullmatch(text):
        return date(*map(int, match.groups()))
    if match := _SLASHED.fullmatch(text):
        rules: DateRules = info.context or DateRules()
        if rules.order is None:
            raise ValueError("write YYYY-MM-DD, or set the tenant's date order")
        parts = dict(zip(rules.order, map(int, match.groups()), strict=True))
        return date(parts["Y"], parts["M"], parts["D"])
    raise ValueError("a date such as 2025-01-31")


def _read_number(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(r"-?\d{1,15}(\.\d{1,8})?", text, re.ASCII):
            raise ValueError("a decimal number without exponent or thousands separator")
        return Decimal(text)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a decimal number")  # noqa: TRY004 - a ValueError becomes the row's complaint
    return value


def _read_moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("an instant such as 2025-01-31T06:00:00Z") from None
    return value


Day = Annotated[date, BeforeValidator(_read_date)]
Number = Annotated[Decimal, BeforeValidator(_read_number), Field(allow_inf_nan=False, max_digits=23, decimal_places=8)]
Moment = Annotated[AwareDatetime, BeforeValidator(_read_moment), Field(ge=datetime(1970, 1, 1, tzinfo=UTC))]
Id = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7E]{1,64}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1F\x7F]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Url = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[\x21-\x7E]+$")]

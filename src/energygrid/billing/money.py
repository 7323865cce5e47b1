"""Amounts of money: decimals from the wire to the last cent, never floating point."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^-?[0-9]{1,12}(\.[0-9]{1,8})?$"
_AMOUNT = re.compile(PATTERN)

_WHOLE = frozenset({"BIF", "CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"})
_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def parse_amount(text: Any) -> Decimal:
    """A decimal string without exponent or thousands separator; raises ValueError for anything else."""
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise ValueError('a decimal string such as "0.0479"')
    return Decimal(text)


def plain(amount: Decimal) -> str:
    """The amount with its digits as they are, never in exponent form."""
    return format(amount, "f")


Amount = Annotated[
    Decimal,
    BeforeValidator(parse_amount),
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["0.0479"]}),
]
"""A decimal that travels as a string, with up to eight places."""


def to_money(amount: Decimal, currency: str) -> Decimal:
    """Rounded half up (away from zero) to the currency's smallest unit: the money step of a printed line.

    Source of the places: ISO 4217.
    """
    places = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)

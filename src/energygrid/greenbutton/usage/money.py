"""Money as ESPI writes it: whole hundred-thousandths of a currency, and the currency's number."""

from decimal import ROUND_HALF_EVEN, Decimal

from energygrid.greenbutton.usage.codes import MOST

_NUMBERS = {
    "AUD": 36,
    "CAD": 124,
    "CNY": 156,
    "DKK": 208,
    "INR": 356,
    "JPY": 392,
    "NOK": 578,
    "RUB": 643,
    "SEK": 752,
    "CHF": 756,
    "GBP": 826,
    "USD": 840,
    "EUR": 978,
}
"""ISO 4217, those that the schema enumerates."""


def currency_number(code: str) -> int:
    """0 (other) for a currency that ESPI has no number for."""
    return _NUMBERS.get(code, 0)


def whole(amount: Decimal, power: int) -> int | None:
    """`amount` as a whole number times 10 to `power`; None when Int48 does not hold it."""
    number = int(amount.scaleb(-power).to_integral_value(ROUND_HALF_EVEN))
    return number if abs(number) <= MOST else None


def money(amount: Decimal) -> int | None:
    return whole(amount, -5)

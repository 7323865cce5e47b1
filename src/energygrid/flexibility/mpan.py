"""The number of an electricity supply in Great Britain (MPAN): 13 digits, or 21 with the line above them.

21 digits are profile class (2), meter time switch (3), line loss factor class (3), then the core: distributor (2),
number (10), check digit. A right check digit says nothing about whether the supply exists.
"""

import re
from enum import StrEnum

from energygrid.errors import Invalid

_WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)  # primes; 11 is left out
_CORE, _FULL = 13, 21
_GAS = range(6, 12)


class Fault(StrEnum):
    LENGTH = "LENGTH"
    NOT_DIGITS = "NOT_DIGITS"
    CHECK_DIGIT = "CHECK_DIGIT"


def core(written: str) -> str:
    """The 13 digits of an MPAN as people write it: with spaces, hyphens, an S in front, 13 or 21 digits.

    Raises Invalid INVALID_MPAN with a `reason` of `Fault`.
    """
    digits = re.sub(r"[\s-]", "", written)
    digits = digits[1:] if digits[:1] in {"S", "s"} else digits
    if len(digits) not in {_CORE, _FULL}:
        gas = len(digits) in _GAS and digits.isascii() and digits.isdigit()
        hint = ": this looks like a gas supply's number (MPRN)" if gas else ""
        raise _invalid(written, Fault.LENGTH, f"an MPAN has 13 or 21 digits, not {len(digits)}{hint}")
    if not (digits.isascii() and digits.isdigit()):
        raise _invalid(written, Fault.NOT_DIGITS, "an MPAN is written in digits only")
    found = digits[-_CORE:]
    if check_digit(found[:-1]) != int(found[-1]):
        raise _invalid(written, Fault.CHECK_DIGIT, "the last digit does not fit the others: is one mistyped?")
    return found


def check_digit(twelve: str) -> int:
    return sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, twelve, strict=True)) % 11 % 10


def _invalid(written: str, fault: Fault, message: str) -> Invalid:
    return Invalid("INVALID_MPAN", message, mpan=written, reason=fault.value)

"""The terms of an ESPI scope as they are written, after its function blocks: `HistoryLength=63072000` and its like.

Source: contracts/greenbutton.md 3.5.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta

from energygrid.access.consents.dates import midnight
from energygrid.errors import Invalid

_ITEMS = ("historical-", "ongoing-", "meters-", "sou-", "noedit", "auth-")
_DURATIONS = frozenset({"daily", "weekly", "monthly", "billingperiod"})
_LAST_SECOND = 253_402_300_799
"""9999-12-31: what a datetime can hold."""


def check_terms(terms: Mapping[str, str]) -> None:
    """Raises Invalid("BAD_SCOPE") for a known term with a wrong value; unknown terms may say what they like."""
    for name in ("HistoryLength", "AccountCollection", "PreferredAuthEndDate"):
        if name in terms and number(terms[name]) is None:
            raise Invalid("BAD_SCOPE", f"{name} is not a number")
    for each in listed(terms, "IntervalDuration"):
        if not (each.isascii() and each.isdigit() and 0 < len(each) <= 9) and each.lower() not in _DURATIONS:
            raise Invalid("BAD_SCOPE", f"IntervalDuration {each[:20]} is neither seconds nor a period")
    for start in ("historical-", "ongoing-"):
        written = dated(items(terms), start)
        try:
            if written not in {None, "none"}:
                midnight(date.fromisoformat(str(written)), UTC) + timedelta(days=2)
        except (ValueError, OverflowError) as error:
            raise Invalid("BAD_SCOPE", f"{start}… takes a date such as 2028-01-31, or none") from error


def listed(terms: Mapping[str, str], name: str) -> list[str]:
    """The values of a term that are joined by an underscore."""
    written = terms.get(name, "")
    return written.split("_") if written else []


def items(terms: Mapping[str, str]) -> tuple[str, ...]:
    """Of AdditionalScope. What `auth-` says may hold an underscore itself: auth-test-test_residential is one item."""
    found: list[str] = []
    for each in listed(terms, "AdditionalScope"):
        if found and found[-1].startswith("auth-") and not each.startswith(_ITEMS):
            found[-1] += f"_{each}"
        else:
            found.append(each)
    return tuple(found)


def number(written: str | None) -> int | None:
    """None when it is absent, or no number that a date can hold."""
    if written is None or not written.isascii() or not written.isdigit() or len(written) > 12:
        return None
    return int(written) if int(written) <= _LAST_SECOND else None


def dated(written: Sequence[str], start: str) -> str | None:
    """What follows `start` in the last item that begins so: a date as written, or "none"."""
    return next((each.removeprefix(start) for each in reversed(written) if each.startswith(start)), None)

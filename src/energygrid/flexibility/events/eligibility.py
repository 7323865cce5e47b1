"""Which assets may take part in an event, by criteria that its maker names.

Criteria are text by name. A name that nobody checks would be a promise without a keeper, so an unknown one is refused,
except notes for subscribers, which begin with `x-`. Source: contracts/flexibility.md 1.5.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

LOOKBACK_DAYS = 60
"""Days before an event whose readings `minBaselineDays` counts."""
NOTE_PREFIX = "x-"
_MOST_CRITERIA = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """An asset that an event may reach.

    postcode      upper case, without spaces
    scheme_state  in the event's scheme; None: not in it, or the event has none
    days          days of the lookback with readings; None when no criterion asks
    """

    uuid: UUID
    asset_id: str
    portfolio_uuid: UUID | None
    asset_type: str
    postcode: str
    hh_settled: bool
    scheme_state: str | None
    consent_withdrawn: bool
    days: int | None


def faults(criteria: Mapping[str, str]) -> list[str]:
    """A sentence for each criterion that cannot be checked."""
    found = [] if len(criteria) <= _MOST_CRITERIA else [f"eligibility: {_MOST_CRITERIA} criteria at most"]
    for name, value in criteria.items():
        if name.startswith(NOTE_PREFIX):
            continue
        rule = _RULES.get(name)
        if rule is None:
            known = ", ".join(_RULES)
            found.append(f"eligibility.{name[:40]}: nobody checks it; there are {known}, and notes named x-...")
        elif not re.fullmatch(rule.form, value):
            found.append(f"eligibility.{name}: {rule.needed}")
    return found


def asks_for_days(criteria: Mapping[str, str]) -> bool:
    return "minBaselineDays" in criteria


def judge(candidate: Candidate, criteria: Mapping[str, str], *, in_scheme: bool) -> str | None:
    """Why the asset may not take part, or None when it may; the first reason found.

    in_scheme  the event is one of a scheme, so only assets that are READY in it may
    """
    if candidate.consent_withdrawn:
        return "CONSENT_WITHDRAWN: the user has withdrawn consent to meter data"
    if in_scheme and candidate.scheme_state != "READY":
        return f"NOT_IN_SCHEME: the asset is {candidate.scheme_state or 'not'} in the event's scheme, not READY"
    for name, value in criteria.items():
        rule = _RULES.get(name)
        if rule is not None and (reason := rule.check(candidate, value)):
            return reason
    return None


def _postcode(candidate: Candidate, value: str) -> str | None:
    prefixes = tuple(part.strip().replace(" ", "").upper() for part in value.split(","))
    return None if candidate.postcode.startswith(prefixes) else f"POSTCODE: its postcode does not begin with {value}"


def _days(candidate: Candidate, value: str) -> str | None:
    known = candidate.days or 0
    if known >= int(value):
        return None
    return f"TOO_FEW_DAYS: {known} of the {LOOKBACK_DAYS} days before the event have readings, {value} are needed"


def _hh_settled(candidate: Candidate, value: str) -> str | None:
    return None if candidate.hh_settled == (value == "true") else f"HH_SETTLED: hhSettled is not {value}"


def _asset_type(candidate: Candidate, value: str) -> str | None:
    return None if candidate.asset_type == value else f"ASSET_TYPE: it is no {value}"


@dataclass(frozen=True, slots=True)
class _Rule:
    form: str
    needed: str
    check: Callable[[Candidate, str], str | None]


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "postcodePrefix": _Rule(
            r"[A-Za-z0-9 ]{1,10}(,[A-Za-z0-9 ]{1,10}){0,199}", "postcode beginnings, separated by commas", _postcode
        ),
        "minBaselineDays": _Rule(r"[1-9]|[1-5]\d|60", f"a number of days from 1 to {LOOKBACK_DAYS}", _days),
        "hhSettled": _Rule(r"true|false", "true or false", _hh_settled),
        "assetType": _Rule(r"[A-Z_]{1,40}", "a type of asset, such as SMARTMETER", _asset_type),
    }
)

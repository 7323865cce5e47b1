"""Scope strings of ESPI: `FB=4_16_51;IntervalDuration=900_3600;HistoryLength=63072000`.

A string is kept as it came, letter by letter: clients compare what they were granted with what they asked for. Terms
that nobody here knows stay in it and have no effect. Source: contracts/greenbutton.md 3.5.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from types import MappingProxyType

from energygrid.access.consents.dates import midnight, months_before, years_after
from energygrid.access.consents.espi_terms import check_terms, dated, items, listed, number
from energygrid.errors import Invalid

FUNCTION_BLOCKS = frozenset(range(1, 72)) - frozenset({*range(20, 26), 45})
"""Numbers that the Green Button Alliance lists or keeps; those that never were do not make a scope."""

PARTS: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        "intervals": frozenset({*range(4, 12), 29}),
        "interval_costs": frozenset({12}),
        "bills": frozenset({15, 16, 26, 27, 28}),
        "power_quality": frozenset({17}),
        "account": frozenset({46, *range(51, 63), 71}),
    }
)
"""Kinds of data and the function blocks that open them; the other blocks are about how, not about what."""

DATA_BLOCKS = frozenset().union(*PARTS.values())

_BLOCK = re.compile(r"[1-9][0-9]?")
_TERM = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_LONGEST = 1024
_MONTHS_BELOW = 1000
_YEARS = 3


@dataclass(frozen=True, slots=True)
class EspiScope:
    """A parsed scope. `text` is the string itself, letter by letter; `terms` its parameters as written."""

    text: str
    blocks: frozenset[int]
    terms: Mapping[str, str] = field(default_factory=dict)

    @property
    def intervals(self) -> bool:
        return bool(self.blocks & PARTS["intervals"])

    @property
    def summaries(self) -> bool:
        return bool(self.blocks & PARTS["bills"])

    @property
    def costs(self) -> bool:
        return bool(self.blocks & {12, 16, 28})

    @property
    def power_quality(self) -> bool:
        return bool(self.blocks & PARTS["power_quality"])

    @property
    def customer(self) -> bool:
        return bool(self.blocks & PARTS["account"])

    @property
    def parts(self) -> tuple[str, ...]:
        """Which of `PARTS` it asks for: what a customer can take away one by one."""
        return tuple(name for name, blocks in PARTS.items() if self.blocks & blocks)

    @property
    def interval_durations(self) -> frozenset[int]:
        """Seconds; empty: all."""
        return frozenset(int(each) for each in listed(self.terms, "IntervalDuration") if each.isdigit())

    @property
    def monthly(self) -> bool:
        """Whether values of whole months are asked for (IntervalDuration=Monthly)."""
        return "monthly" in {each.lower() for each in listed(self.terms, "IntervalDuration")}

    @property
    def block_duration(self) -> str | None:
        return self.terms.get("BlockDuration") or None

    @property
    def subscription_frequency(self) -> str | None:
        return self.terms.get("SubscriptionFrequency") or None

    @property
    def account_collection(self) -> int | None:
        return number(self.terms.get("AccountCollection"))

    @property
    def bulk_id(self) -> str | None:
        return self.terms.get("BR") or None

    @property
    def additional(self) -> tuple[str, ...]:
        """Items of AdditionalScope, such as historical-2024-05-09 or meters-all."""
        return items(self.terms)

    @property
    def all_meters(self) -> bool:
        """Whether the third party asks that every meter be chosen from the start."""
        return "meters-all" in self.additional

    @property
    def as_asked_only(self) -> bool:
        """Whether the third party asks that the customer take it or leave it (`noedit`): a wish, not a rule."""
        return "noedit" in self.additional

    @property
    def test_login(self) -> str | None:
        """What follows `auth-test-`: a customer of the sandbox."""
        start = "auth-test-"
        return next((each.removeprefix(start) for each in self.additional if each.startswith(start)), None)

    def history_from(self, now: datetime, zone: tzinfo = UTC) -> datetime | None:
        """Earliest data time asked for; None: no limit.

        `historical-DATE` counts before HistoryLength (seconds; months below 1000); `historical-none`: nothing old.
        """
        begins = dated(self.additional, "historical-")
        if begins is not None:
            return now if begins == "none" else midnight(date.fromisoformat(begins), zone)
        length = number(self.terms.get("HistoryLength"))
        if length is None:
            return None
        if length < _MONTHS_BELOW:
            return months_before(now, length)
        return None if length > now.timestamp() else now - timedelta(seconds=length)

    def until(self, now: datetime, zone: tzinfo = UTC) -> datetime | None:
        """End of the data times asked for, exclusive; the day of `ongoing-DATE` is in. None: no limit."""
        last = dated(self.additional, "ongoing-")
        if last is None:
            return None
        return now if last == "none" else midnight(date.fromisoformat(last) + timedelta(days=1), zone)

    def ends(self, now: datetime) -> datetime | None:
        """When the authorisation itself ends: PreferredAuthEndDate, by default in three years; 0: never."""
        wished = number(self.terms.get("PreferredAuthEndDate"))
        if wished is None:
            return years_after(now, _YEARS)
        return None if wished == 0 else datetime.fromtimestamp(wished, UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a consent would cover if the customer took nothing away; None: no limit."""

    data_from: datetime | None
    data_until: datetime | None
    expires_at: datetime | None


def initial_terms(scope: EspiScope, now: datetime, zone: tzinfo = UTC) -> Terms:
    """`zone` is the utility's: dates in a scope are its local days."""
    return Terms(scope.history_from(now, zone), scope.until(now, zone), scope.ends(now))


def parse_scope(text: str) -> EspiScope:
    """Raises Invalid("BAD_SCOPE"): not the grammar, an unknown function block, or a known term with a wrong value."""
    first, *rest = text.split(";")
    name, _, numbers = first.partition("=")
    parts = numbers.split("_")
    if len(text) > _LONGEST or name != "FB" or not all(_BLOCK.fullmatch(part) for part in parts):
        raise Invalid("BAD_SCOPE", "a scope begins with FB= and numbers joined by _")
    if unknown := {int(part) for part in parts} - FUNCTION_BLOCKS:
        raise Invalid("BAD_SCOPE", f"there is no function block {min(unknown)}")
    terms: dict[str, str] = {}
    for each in rest:
        if not _TERM.fullmatch(each):
            raise Invalid("BAD_SCOPE", "after FB= a scope has ;name=value, without spaces and commas")
        key, _, value = each.partition("=")
        if terms.setdefault(key, value) != value:
            raise Invalid("BAD_SCOPE", f"{key} is said twice")
    check_terms(terms)
    return EspiScope(text, frozenset(map(int, parts)), terms)


def narrow(text: str, without: Collection[str]) -> str:
    """The scope without some of its `PARTS`; the same string, letter by letter, when none of them is in it.

    Raises Invalid("BAD_SCOPE") and Invalid("EMPTY_SCOPE") when no data would be left.
    """
    if unknown := set(without) - PARTS.keys():
        raise Invalid("BAD_SCOPE", f"there is no part {min(unknown)}")
    scope = parse_scope(text)
    gone = frozenset().union(*(PARTS[part] for part in without)) if without else frozenset()
    if not gone & scope.blocks:
        return text
    if not scope.blocks & DATA_BLOCKS - gone:
        raise Invalid("EMPTY_SCOPE", "nothing would be shared")
    first, semicolon, rest = text.partition(";")
    kept = [each for each in first.removeprefix("FB=").split("_") if int(each) not in gone]
    return f"FB={'_'.join(kept)}{semicolon}{rest}"


def is_within(granted: EspiScope, requested: EspiScope) -> bool:
    """Whether something was only taken away: fewer function blocks, everything else the same."""
    return granted.blocks <= requested.blocks and dict(granted.terms) == dict(requested.terms)


def is_offered(scope: EspiScope, offered: Collection[str]) -> bool:
    """Whether a third party with these scope strings may ask for such data."""
    allowed = frozenset().union(*(parse_scope(each).blocks for each in offered))
    return scope.blocks & DATA_BLOCKS <= allowed


EVERYTHING = EspiScope("", frozenset(range(1, 72)))
"""A customer's own view of its data."""

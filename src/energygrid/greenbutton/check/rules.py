"""The register of rules, and how they are written.

A rule is a function that yields a `Hit` for each place where it does not hold. Its docstring says what it demands; in
square brackets, where that comes from.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from energygrid.greenbutton.check.document import Document, Entry
from energygrid.greenbutton.check.report import Severity


class Hit(NamedTuple):
    """A place where a rule does not hold; `advice` where there is a better one than the rule's."""

    line: int
    message: str
    advice: str | None = None


Check: TypeAlias = Callable[[Document], Iterable[Hit]]
Scope = Literal["any", "batch"]


@dataclass(frozen=True, slots=True)
class Rule:
    """
    block  number of the function block that demands it, if any
    scope  batch: applied to feeds of everything measured alone, since it looks at several resources at once
    text   what it demands
    source where that stands
    """

    id: str
    block: int | None
    severity: Severity
    scope: Scope
    text: str
    source: str
    advice: str
    check: Check


RULES: dict[str, Rule] = {}

DATA_CHECKS = "certification data checks"
"""Source of the D rules: the checks that the Green Button Alliance published with its data SDK and its test project."""


def rule(
    number: str, block: int | None = None, *, severity: Severity = "error", scope: Scope = "any", advice: str
) -> Callable[[Check], Check]:
    """Register a rule; text and source are taken from the docstring."""

    def register(check: Check) -> Check:
        words = " ".join((check.__doc__ or "").split())
        text, source = re.fullmatch(r"(.*?)(?: \[(.*)\])?", words).groups()  # type: ignore[union-attr]
        _add(Rule(number, block, severity, scope, text, source or DATA_CHECKS, advice, check))
        return check

    return register


def present(number: str, block: int, resources: str, path: str, *, advice: str | None = None) -> None:
    """Register the rule that each of `resources` (several: names divided by |) has something at `path`."""

    def check(document: Document) -> Iterator[Hit]:
        for entry in document.of(*resources.split("|")):
            if not entry.text(path) and not len(found if (found := entry.at(path)) is not None else ()):
                yield Hit(entry.line, f"{entry.name()} has no {path}")

    name = resources.split("|", maxsplit=1)[0]
    text = f"{name} has {path}"
    add(number, block, text, advice or f"add {path} to {name}", check)


def atom_part(number: str, block: int, resources: str, part: str) -> None:
    """Register the rule that entries of `resources` have `part`: an Atom element, or a link."""

    def has(entry: Entry) -> bool:
        if part in {"self", "up"}:
            return bool(entry.hrefs(part))
        return entry.atom(part) is not None

    def check(document: Document) -> Iterator[Hit]:
        for entry in document.of(*resources.split("|")):
            if not has(entry):
                yield Hit(entry.line, f"{entry.name()} has no {what}")

    what = f"link rel={part}" if part in {"self", "up"} else f"<{part}>"
    text = f"a {resources.split('|', maxsplit=1)[0]} entry has {what}"
    add(number, block, text, f"add {what} to the entry", check)


def unique_self(number: str, block: int, resources: str) -> None:
    """Register the rule that self links of `resources` differ."""

    def check(document: Document) -> Iterator[Hit]:
        seen: set[str] = set()
        for entry in document.of(*resources.split("|")):
            for href in entry.hrefs("self")[:1]:
                if href in seen:
                    yield Hit(entry.line, f"a second {entry.resource} has the self link {href}")
                seen.add(href)

    text = f"self links of {resources.split('|', maxsplit=1)[0]} entries are unique"
    add(number, block, text, "give each resource a URL of its own", check)


def exists(number: str, block: int, resources: str) -> None:
    """Register the rule that the feed has an entry of one of `resources`."""

    def check(document: Document) -> Iterator[Hit]:
        if not any(document.of(*resources.split("|"))):
            yield Hit(0, f"the feed has no {name}")

    name = resources.split("|", maxsplit=1)[0]
    add(number, block, f"the feed has a {name}", f"add a {name} entry", check, scope="batch")


def add(number: str, block: int, text: str, advice: str, check: Check, *, scope: Scope = "any") -> None:
    """Register one of many rules that only differ in a name."""
    _add(Rule(number, block, "error", scope, text, DATA_CHECKS, advice, check))


def _add(new: Rule) -> None:
    assert new.id not in RULES, new.id
    assert new.text, new.id
    RULES[new.id] = replace(new, text=new.text[0].upper() + new.text[1:])

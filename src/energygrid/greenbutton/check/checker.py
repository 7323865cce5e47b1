"""Runs the rules over a document."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice
from pathlib import Path

from energygrid.errors import Invalid
from energygrid.greenbutton.check.blocks import BLOCKS, FunctionBlock, shown
from energygrid.greenbutton.check.document import MAX_BYTES, Document, Unreadable, read
from energygrid.greenbutton.check.report import Block, Finding, Report
from energygrid.greenbutton.check.rules import RULES, Rule

_MOST_OF_A_RULE = 50
_READING = {
    "X01": "correct the XML; nothing else can be checked before",
    "X02": "send a document without a DTD, within the size that is read",
}


def run(document: bytes | Path, blocks: AbstractSet[int] | None = None, *, max_bytes: int = MAX_BYTES) -> Report:
    """Check a feed, an entry, a ServiceStatus or a BatchList.

    blocks  numbers of the function blocks that it must pass; None: those it shows data of

    Raises Invalid UNKNOWN_FUNCTION_BLOCK.
    """
    if unknown := sorted((blocks or set()) - BLOCKS.keys()):
        raise Invalid("UNKNOWN_FUNCTION_BLOCK", f"no data checks are known for function block {unknown[0]}")
    try:
        parsed = read(_bytes(document, max_bytes), max_bytes=max_bytes)
    except Unreadable as reason:
        finding = Finding(reason.rule, None, "error", reason.line, reason.message, _READING[reason.rule])
        return Report("unknown", {}, (finding,), {}, (), ())
    return _Run(parsed, blocks).report()


def _bytes(document: bytes | Path, max_bytes: int) -> bytes:
    if isinstance(document, bytes):
        return document
    with document.open("rb") as file:
        return file.read(max_bytes + 1)


class _Run:
    def __init__(self, document: Document, asked: AbstractSet[int] | None) -> None:
        self._document = document
        self._asked = asked
        self._blocks = {block.number: block for block in shown(document, asked)}
        self._broken: Counter[int] = Counter()
        self._omitted: dict[str, int] = defaultdict(int)
        self._held: list[str] = []

    def report(self) -> Report:
        findings = [finding for rule in RULES.values() if self._applies(rule) for finding in self._findings(rule)]
        findings.sort(key=lambda each: (_ORDER[each.severity], each.line, each.rule))
        found = tuple(
            Block(block.number, block.name, not self._broken[block.number]) for block in self._blocks.values()
        )
        document = self._document
        return Report(document.kind, document.resources, tuple(findings), self._omitted, tuple(self._held), found)

    def _applies(self, rule: Rule) -> bool:
        """A rule of a block is applied where the block is; one about single entries also outside whole feeds."""
        if rule.block in BLOCKS and rule.block not in self._blocks:
            return rule.scope == "any" and self._document.kind != "feed" and not BLOCKS[rule.block].optional
        return rule.scope == "any" or self._asked is not None or self._document.is_batch

    def _findings(self, rule: Rule) -> Iterator[Finding]:
        hits = iter(rule.check(self._document))
        kept = list(islice(hits, _MOST_OF_A_RULE))
        if more := sum(1 for _ in hits):
            self._omitted[rule.id] = more
        if not kept:
            self._held.append(rule.id)
            return
        block = self._blocks.get(rule.block or 0)
        if rule.severity != "note":
            self._broken[rule.block or 0] += 1
        for hit in kept:
            finding = Finding(rule.id, rule.block, rule.severity, hit.line, hit.message, hit.advice or rule.advice)
            yield replace(finding, severity="note") if self._is_optional(block) else finding

    def _is_optional(self, block: FunctionBlock | None) -> bool:
        return self._asked is None and block is not None and block.optional


_ORDER = {"error": 0, "warning": 1, "note": 2}

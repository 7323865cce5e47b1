"""What a check says: findings, rules that held, function blocks that a document passes. Nothing of how it looks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
"""error: the standard or its certification is broken; warning: some client will read it wrongly, or the data cannot be
right; note: worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule does not hold.

    block  number of the function block that the rule belongs to, if any
    line   of the document, counted from 1; 0 when it is about the document as a whole
    """

    rule: str
    block: int | None
    severity: Severity
    line: int
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Block:
    """A function block that a document shows data of, or that was asked for."""

    number: int
    name: str
    passes: bool


@dataclass(frozen=True, slots=True)
class Report:
    """
    kind       feed, list, entry, ServiceStatus, BatchList or unknown (see document.py)
    resources  how many entries of each resource there are
    omitted    by rule, how many further findings were left out because there were so many
    held       rules that were applied and broken nowhere
    """

    kind: str
    resources: Mapping[str, int]
    findings: tuple[Finding, ...]
    omitted: Mapping[str, int]
    held: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def ok(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def passed(self) -> tuple[int, ...]:
        """Numbers of the function blocks whose data checks hold."""
        return tuple(block.number for block in self.blocks if block.passes)

    def count(self, severity: Severity) -> int:
        listed = Counter(finding.severity for finding in self.findings)[severity]
        of_rule = {finding.rule: finding.severity for finding in self.findings}
        return listed + sum(number for rule, number in self.omitted.items() if of_rule[rule] == severity)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "ok": self.ok,
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "notes": self.count("note"),
            "resources": dict(self.resources),
            "functionBlocks": [asdict(block) for block in self.blocks],
            "findings": [asdict(finding) for finding in self.findings],
            "omitted": dict(self.omitted),
            "held": list(self.held),
        }

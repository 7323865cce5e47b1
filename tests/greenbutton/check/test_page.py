"""docs/green-button-check.md says of each rule and function block what the code says."""

import re
from pathlib import Path

from energygrid.greenbutton.check.blocks import BLOCKS
from energygrid.greenbutton.check.rules import RULES

PAGE = (Path(__file__).parents[3] / "docs" / "green-button-check.md").read_text()
READING = {"X01", "X02"}


def test_every_rule_is_listed_once_with_its_block_severity_demand_and_source() -> None:
    listed = re.findall(r"^\| ([A-Z]+\d+) \| (\S+) \| (\w+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    rules = {(rule.id, str(rule.block or "-"), rule.severity, rule.text, rule.source) for rule in RULES.values()}
    assert {row for row in listed if row[0] not in READING} == rules
    assert len(listed) == len(RULES) + len(READING)


def test_every_function_block_is_listed() -> None:
    part = PAGE.split("## Function blocks", 1)[1]
    listed = re.findall(r"^\| (\d+) \| (.*?) \| (optional)? ?\|$", part, re.MULTILINE)
    assert listed == [(str(each.number), each.name, "optional" if each.optional else "") for each in BLOCKS.values()]

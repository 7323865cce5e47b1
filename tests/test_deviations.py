"""docs/deviations.md names, for each of the 33 contradictions, a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = re.findall(r"^\| (C\d+) \|.*\| (test_\w+) \|$", (ROOT / "docs" / "deviations.md").read_text(), re.MULTILINE)
TESTS = {
    name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)\(", path.read_text())
}


def test_every_contradiction_is_listed_once() -> None:
    assert [number for number, _ in ROWS] == [f"C{number}" for number in range(1, 34)]


@pytest.mark.parametrize(("number", "test"), ROWS)
def test_its_test_exists(number: str, test: str) -> None:
    assert test in TESTS, number

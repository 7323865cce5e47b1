"""docs/deviations.md names, for each of the 33 contradictions and each choice, a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "deviations.md").read_text()
ROWS = re.findall(r"^\| ([CFG]\d+) \|.*\| (test_\w+) \|$", PAGE, re.MULTILINE)
TESTS = {
    name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)\(", path.read_text())
}


def test_every_contradiction_is_listed_once() -> None:
    assert [number for number, _ in ROWS if number[0] == "C"] == [f"C{number}" for number in range(1, 34)]
    for letter in "FG":
        choices = re.findall(rf"^\| ({letter}\d+) \|", PAGE, re.MULTILINE)
        assert choices == [f"{letter}{n}" for n in range(1, len(choices) + 1)] != []
        assert [number for number, _ in ROWS if number[0] == letter] == choices


@pytest.mark.parametrize(("number", "test"), ROWS)
def test_its_test_exists(number: str, test: str) -> None:
    assert test in TESTS, number

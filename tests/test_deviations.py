"""docs/deviations.md names, for each of the 33 contradictions and each choice, a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "deviations.md").read_text()
ROWS = re.findall(r"^\| ([CF]\d+) \|.*\| (test_\w+) \|$", PAGE, re.MULTILINE)
TESTS = {
    name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)\(", path.read_text())
}


def test_every_contradiction_is_listed_once() -> None:
    assert [number for number, _ in ROWS if number[0] == "C"] == [f"C{number}" for number in range(1, 34)]
    choices = re.findall(r"^\| (F\d+) \|", PAGE, re.MULTILINE)
    assert (
        [number for number, _ in ROWS if number[0] == "F"] == choices == [f"F{n}" for n in range(1, len(choices) + 1)]
    )


@pytest.mark.parametrize(("number", "test"), ROWS)
def test_its_test_exists(number: str, test: str) -> None:
    assert test in TESTS, number

"""docs/flexibility-api.md says of each operation and error what the application says."""

import re
from pathlib import Path

import pytest

from energygrid.surfaces.flex.errors import _STATUS, _STATUS_OF_CODE

from .conftest import Flex

REPOSITORY = Path(__file__).parents[3]
SOURCE = REPOSITORY / "src" / "energygrid"
PAGE = (REPOSITORY / "docs" / "flexibility-api.md").read_text()
PAGES = {"page", "pageSize"}
OF_EVERY_OPERATION = {"400", "401", "403", "429", "503"}
RAISING = ("surfaces/flex/*.py", "flexibility/**/*.py")
OF_OPERATORS = set(re.findall(r"`([A-Z_]+)`", PAGE.split("On the command line", 1)[1]))
"""Codes of the command line."""
NEVER_SENT = {"INVALID_MPAN"}
"""What is wrong with an MPAN is kept with its asset."""
Operation = tuple[set[str], set[str], set[str]]
"""Query parameters, statuses of what is done, statuses of what is not."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its own headings."""
    part = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = re.findall(r"^\|(.+)\|$", part, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in table[2:]]


@pytest.fixture
def served(flex: Flex) -> dict[str, Operation]:
    found = {}
    for path, methods in flex.http.get("/openapi.json").json()["paths"].items():
        shown = path.removeprefix("/api/v1") if path.startswith("/api/v1/") else f"/flex{path}"
        for method, operation in methods.items():
            query = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
            statuses = set(operation["responses"])
            done = {status for status in statuses if status < "300"}
            found[f"{method.upper()} {shown}"] = (query, done, statuses - done - OF_EVERY_OPERATION)
    return found


def test_every_operation_has_a_row_with_its_query_and_statuses(served: dict[str, Operation]) -> None:
    told = {}
    for name, query, done, also, _ in rows("Operations"):
        asked = set(re.findall(r"`(\w+)`", query)) | (PAGES if query.startswith("P") else set())
        told[name.replace("`", "")] = (asked, set(done.split()), set(also.split()))
    assert told == served


def test_every_code_stands_by_its_status_and_there_is_no_other() -> None:
    told = {(int(status), code) for status, codes, _ in rows("Statuses") for code in re.findall(r"`([A-Z_]+)`", codes)}
    kinds = {kind.__name__: status for kind, status in _STATUS.items()}
    raised = rf"\b({'|'.join(kinds)})\(\s*\"([A-Z_]+)\""
    by_code = {
        (_STATUS_OF_CODE.get(code, kinds[kind]), code)
        for pattern in RAISING
        for file in SOURCE.glob(pattern)
        for kind, code in re.findall(raised, file.read_text())
        if code not in OF_OPERATORS | NEVER_SENT
    }
    assert by_code - told == set()
    everything = "".join(file.read_text() for file in SOURCE.rglob("*.py"))
    known = {code for _, code in told} | OF_OPERATORS
    assert {code for code in known if f'"{code}"' not in everything} == set()


def test_every_status_that_is_documented_is_on_the_page(served: dict[str, Operation]) -> None:
    told = {row[0] for row in rows("Statuses")}
    assert told >= set().union(*(failed for _, _, failed in served.values())) | OF_EVERY_OPERATION
    always = re.search(r"Every operation may answer ([\d, and]+)\.", PAGE)
    assert always is not None
    assert set(re.findall(r"\d+", always[1])) == OF_EVERY_OPERATION | {"500"}

"""docs/green-button-api.md says of each path, parameter and status what the application says."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.surfaces.greenbutton.paths import BELOW, POINT
from tests.surfaces.greenbutton.world import GreenButton

from energygrid.access.settings import AccessSettings
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.surfaces.greenbutton.asked import _NUMBERS
from energygrid.surfaces.greenbutton.errors import _WORD_OF_CODE, _WORDS, MEANINGS
from energygrid.surfaces.greenbutton.negotiation import MEDIA_TYPES, Form

PAGE = (Path(__file__).parents[3] / "docs" / "green-button-api.md").read_text()
SHORT = {"~": f"{POINT}/{{meter_uid}}", "@": BELOW.removesuffix("/{agreement_uid}")}
TOKENS = {"registrationToken": "R", "clientToken": "C", "accessToken": "A"}
GROUPS = {
    "W": {"published-min", "published-max", "updated-min", "updated-max"},
    "P": {"start-index", "max-results"},
    "D": {"depth"},
    "L": {"Prefer"},
}
FORMS = {
    "entry": {"application/atom+xml", "application/espi+json"},
    "readings": {"application/atom+xml", "application/espi+json", "text/csv", "application/vnd.apache.parquet"},
    "xml": {"application/xml"},
    "file": {"*/*"},
}
Operation = tuple[str, str]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its own headings."""
    part = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = re.findall(r"^\|(.+)\|$", part, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in table[2:]]


def told() -> dict[Operation, tuple[str, set[str], set[str]]]:
    """Token, parameters and media types of every method and path of the page."""
    found = {}
    for path, methods, token, query, forms, _ in rows("Paths"):
        plain = path.strip("`")
        for short, long in SHORT.items():
            plain = plain.replace(short, long)
        asked = {name for letter in query.split() for name in GROUPS[letter]}
        stem, bracket, item = plain.partition("[")
        for method in methods.split():
            found[method, stem] = (token, asked if method == "GET" else set(), FORMS[forms])
            if bracket:
                found[method, stem + item.rstrip("]")] = (token, set(), FORMS["entry"])
    return found


@pytest.fixture(scope="module")
def operations(shared: GreenButton) -> dict[Operation, Any]:
    document = shared.http.get("/DataCustodian/openapi.json").json()["paths"]
    return {
        (method.upper(), path.removeprefix("/espi/1_1/resource")): operation
        for path, methods in document.items()
        for method, operation in methods.items()
    }


def test_every_path_has_its_token_parameters_and_forms(operations: dict[Operation, Any]) -> None:
    served = {}
    for key, operation in operations.items():
        [[scheme]] = operation["security"]
        asked = {each["name"] for each in operation.get("parameters", []) if each["in"] != "path"}
        served[key] = (TOKENS[scheme], asked, set(operation["responses"]["200"]["content"]))
    assert told() == served


def test_every_deprecated_path_is_called_so(operations: dict[Operation, Any]) -> None:
    deprecated = {path for (_, path), operation in operations.items() if operation.get("deprecated")}
    called = [row[0] for row in rows("Paths") if "deprecated" in row[5]]
    assert len(called) == 2
    assert {path.rpartition("/{")[0] if path.endswith("summary_uid}") else path for path in deprecated} == {
        path.strip("`").partition("[")[0].replace("~", SHORT["~"]) for path in called
    }


def test_every_status_that_is_documented_is_on_the_page_with_its_word(operations: dict[Operation, Any]) -> None:
    table = {int(status): re.findall(r"`(\w+)`", words) for status, words, _ in rows("Statuses")}
    assert set(table) == set(MEANINGS) - {415} | {200, 202, 304}
    given = {int(status) for operation in operations.values() for status in operation["responses"]}
    assert given == set(table) - {405, 500}
    for status, words in table.items():
        if status in _WORDS:
            assert _WORDS[status] in words, status
    assert set(_WORD_OF_CODE.values()) <= {word for words in table.values() for word in words}


def test_statuses_of_some_operations_only_are_those_that_the_page_says(operations: dict[Operation, Any]) -> None:
    page = told()
    for key, operation in operations.items():
        method, path = key
        statuses = {int(status) for status in operation["responses"]}
        assert (202 in statuses) == ("Prefer" in page[key][1]), key
        assert (304 in statuses) == (method == "GET"), key
        assert (409 in statuses) == (413 in statuses) == (method != "GET"), key
        assert (410 in statuses) == ("{bulk_uid}" in path), key
        assert {200, 401, 403, 429, 503} <= statuses, key


def test_every_form_parameter_and_setting_is_named() -> None:
    forms = dict(rows("Forms"))
    for media_type, form in MEDIA_TYPES.items():
        row = "entry" if form in {Form.ATOM, Form.JSON} else "readings"
        assert f"`{media_type}`" in forms[row]
    text = PAGE.split("\n## Parameters\n", 1)[1].split("\n## ", 1)[0]
    for letter, names in GROUPS.items():
        said = " ".join(row[1] for row in rows("Parameters") if row[0] == letter)
        assert set(re.findall(r"`([\w-]+)`", said)) == names
    for name in _NUMBERS:
        assert f"`{name}`" in text
    settings = " ".join(row[1] for row in rows("Too much"))
    named = set(re.findall(r"`(\w+)`", settings))
    outside = {f"ENERGYGRID_ACCESS_{name.upper()}" for name in AccessSettings.model_fields}
    assert named <= set(GreenButtonSettings.model_fields) | outside

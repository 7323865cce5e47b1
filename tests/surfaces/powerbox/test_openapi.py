"""Our OpenAPI document is a superset of the published one (contract 1.3): nothing a client relies on is missing."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.surfaces.powerbox.conftest import PowerBox

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text())


@pytest.fixture
def document(powerbox: PowerBox) -> dict[str, Any]:
    return dict(powerbox.http.get("/openapi.json").json())


def types(schema: dict[str, Any]) -> set[str]:
    """JSON types a schema lets through."""
    if "anyOf" in schema:
        return set().union(*(types(branch) for branch in schema["anyOf"]))
    return {schema["type"]} if "type" in schema else {"object"}


@pytest.mark.parametrize("path", PUBLISHED["operations"])
def test_published_operations_keep_their_name_tag_answers_and_security(document: dict[str, Any], path: str) -> None:
    published, ours = PUBLISHED["operations"][path], document["paths"][path]["post"]
    assert ours["operationId"] == published["operationId"]
    assert ours["tags"] == published["tags"]
    assert set(published["responses"]) <= set(ours["responses"])
    assert {"bearerAuth": []} in ours["security"]
    body = ours.get("requestBody", {})
    assert body.get("required", False) is published["bodyRequired"]


def test_the_security_scheme_is_the_published_one(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["bearerAuth"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")


@pytest.mark.parametrize("name", PUBLISHED["schemas"])
def test_published_schemas_keep_their_fields_types_and_requirements(document: dict[str, Any], name: str) -> None:
    published, ours = PUBLISHED["schemas"][name], document["components"]["schemas"][name]
    assert set(published["properties"]) <= set(ours["properties"])
    for field, kind in published["properties"].items():
        assert kind in types(ours["properties"][field]), f"{name}.{field}"
    assert set(ours.get("required", [])) <= set(published["required"]), "nothing more is required"
    for field, values in published["enums"].items():
        accepted = ours["properties"][field]
        listed = accepted.get("enum", []) or [value for branch in accepted["anyOf"] for value in branch.get("enum", [])]
        assert set(values) <= set(listed), f"{name}.{field}"


def test_every_operation_declares_its_errors(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            declared = set(operation["responses"])
            assert declared & {"200", "201", "202", "204"}, f"{method} {path}"
            assert {"401", "503"} <= declared, f"{method} {path}"
            assert "HTTPValidationError" not in json.dumps(operation), f"{method} {path}"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])

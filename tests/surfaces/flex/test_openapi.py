"""The OpenAPI document: every operation with its statuses and an example of what is sent and answered that is true."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from .conftest import Flex

OF_EVERY_OPERATION = {"400", "401", "403", "429", "503"}
Operations = dict[str, dict[str, Any]]


@pytest.fixture
def document(flex: Flex) -> dict[str, Any]:
    return dict(flex.http.get("/openapi.json").json())


@pytest.fixture
def operations(document: dict[str, Any]) -> Operations:
    """By method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is sent and what is answered: which, and its media type object."""
    for which, holder in [("request", operation.get("requestBody", {})), *operation["responses"].items()]:
        for content in holder.get("content", {}).values():
            yield which, content


def examples(content: dict[str, Any]) -> list[Any]:
    named = content.get("examples", {})
    listed = [each["value"] for each in named.values()] if isinstance(named, dict) else list(named)
    schema = content.get("schema", {})
    return [content["example"]] if "example" in content else listed or schema.get("examples", [])


def wrong(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": document["components"]}, validate_formats=True
    )
    return [error.message for error in validator.iter_errors(value)]


def test_every_body_and_answer_has_an_example_that_its_schema_allows(
    document: dict[str, Any], operations: Operations
) -> None:
    for name, operation in operations.items():
        seen = set()
        for which, content in contents(operation):
            found = examples(content)
            assert found, f"{name} {which} has no example: give its model one"
            for value in found:
                assert wrong(document, content["schema"], value) == [], f"{name} {which}"
            seen.add(which)
        assert seen >= set(operation["responses"]), f"{name}: an answer without content"


def test_every_error_example_is_of_its_status(operations: Operations) -> None:
    for name, operation in operations.items():
        for which, content in contents(operation):
            if which.isdigit() and int(which) >= 400:
                assert [each["statusCode"] for each in examples(content)] == [int(which)], name


def test_every_path_parameter_has_an_example_and_every_uuid(operations: Operations) -> None:
    for name, operation in operations.items():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" or parameter["name"].endswith("UUID"):
                assert "example" in parameter or parameter["schema"].get("examples"), f"{name} {parameter['name']}"


def test_an_example_of_a_request_is_never_refused_for_its_form(flex: Flex, operations: Operations) -> None:
    tried = 0
    for name, operation in operations.items():
        method, path = name.split(" ")
        given = operation.get("parameters", [])
        filled = {each["name"]: example_of(each) for each in given if each["in"] == "path" or each.get("required")}
        for which, content in contents(operation):
            for value in examples(content) if which == "request" else []:
                query = {
                    each["name"]: filled[each["name"]] for each in given if each["in"] == "query" and each["required"]
                }
                answer = flex.call(method, path.format(**filled), json=value, params=query)
                code = answer.json().get("code") if answer.status_code >= 400 else None
                assert code not in {"INVALID_PAYLOAD", "MALFORMED_JSON"}, f"{name}: {answer.text}"
                assert "X-Ignored-Fields" not in answer.headers, name
                tried += 1
    assert tried > 15


def example_of(parameter: dict[str, Any]) -> Any:
    return parameter.get("example") or parameter["schema"]["examples"][0]


def test_every_operation_has_its_statuses_a_name_and_a_text(operations: Operations) -> None:
    for name, operation in operations.items():
        statuses = set(operation["responses"])
        assert statuses & {"200", "201"}, name
        assert statuses >= OF_EVERY_OPERATION, name
        assert ("404" in statuses) or "{" not in name, f"{name} names something, so there may be no such thing"
        assert ("413" in statuses) == ("requestBody" in operation), f"{name}: a body may be too large"
        assert "422" not in statuses, name
        assert operation["description"], name
        assert operation["security"] == [{"apiKey": [], "tenant": []}], name
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))


def test_a_body_that_is_too_large_is_refused_as_documented(flex: Flex, operations: Operations) -> None:
    for name, operation in operations.items():
        if "requestBody" in operation:
            method, path = name.split(" ")
            given = {each["name"]: example_of(each) for each in operation.get("parameters", []) if each["in"] == "path"}
            large = {"Content-Type": "application/json", "Content-Length": str(1 << 30)}
            answer = flex.call(method, path.format(**given), content=b"[]", headers=large)
            assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE"), name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    parts = json.dumps(document).split("#/components/schemas/")[1:]
    assert {part.split('"')[0] for part in parts} <= set(document["components"]["schemas"])


def test_every_operation_is_served_under_both_prefixes(flex: Flex, operations: Operations) -> None:
    for name, operation in operations.items():
        method, path = name.split(" ")
        filled = path.format(
            **{each["name"]: example_of(each) for each in operation.get("parameters", []) if each["in"] == "path"}
        )
        bare = filled.replace("/api/v1/", "/api/")
        for each in (bare, bare.replace("/api/", "/api/v1/")):
            answer = flex.call(method, each)
            code = answer.json()["code"] if answer.status_code >= 400 else None
            assert code not in {"UNKNOWN_PATH", "METHOD_NOT_ALLOWED"}, f"{method} {each}"

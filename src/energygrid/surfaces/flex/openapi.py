"""What the OpenAPI document says that FastAPI cannot see: headers, statuses of every operation, and examples.

An operation that has no example of its own gets what those of its members come to.
"""

import copy
from collections.abc import Iterator
from typing import Any

from energygrid.surfaces.flex.errors import described
from energygrid.surfaces.flex.event_wire import EVENT
from energygrid.surfaces.flex.fields import ASSET, PORTFOLIO, SCHEME

_OF_NAME = {
    "asset_uuid": ASSET,
    "assetUUID": ASSET,
    "portfolio_uuid": PORTFOLIO,
    "portfolioUUID": PORTFOLIO,
    "scheme_uuid": SCHEME,
    "schemeUUID": SCHEME,
    "event_uuid": EVENT,
    "eventUUID": EVENT,
    "consent_uuid": "0c9e7f62-3f0d-4d0b-8a57-6f2a1b3c4d5e",
    "webhook_uuid": "5f7c1a52-7b0e-4a55-9c1f-2f1f2b7f8a10",
    "message_uuid": "11111111-1111-4111-8111-111111111111",
}
"""Parameters whose schema says no more than that they are UUIDs."""


def complete(document: dict[str, Any]) -> None:
    """A wrong parameter is a 400, any body may be too large, both headers are needed, and everything has an example."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for schema in schemas.values():
        for example in _own(schema):
            _give_nulls(example, schema, schemas)
    for path in document["paths"].values():
        for operation in path.values():
            operation["security"] = [{"apiKey": [], "tenant": []}]
            _correct_answers(operation)
            _give_examples(operation, schemas)


def _correct_answers(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    if "requestBody" in operation and "413" not in answers:
        answers["413"] = described(413)
        answers["413"]["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/ErrorOut"}


def _give_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """To each parameter, body and answer that has none and can have one."""
    for parameter in operation.get("parameters", []):
        if parameter["name"] in _OF_NAME and not _own(parameter["schema"]):
            parameter.setdefault("example", _OF_NAME[parameter["name"]])
    for content in _contents(operation):
        if "schema" in content and not _own(content):
            _set_example(content, schemas)


def _contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from holder.get("content", {}).values()


def _set_example(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    try:
        content["example"] = _of_schema(content["schema"], schemas)
    except KeyError:
        return  # a member has none: the document tells less, and nothing that is wrong


def _of_schema(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Raises KeyError where some member has no example."""
    own = _own(schema)
    if own:
        return copy.deepcopy(own[0])
    if "$ref" in schema:
        return _of_schema(_named(schema, schemas), schemas)
    if "anyOf" in schema:
        return _of_schema(schema["anyOf"][0], schemas)
    if schema.get("type") == "array":
        return [_of_schema(schema["items"], schemas)]
    return {name: _of_schema(each, schemas) for name, each in schema["properties"].items()}


def _give_nulls(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put back into an example the members that are null: FastAPI leaves them out of the document."""
    if "$ref" in schema:
        _give_nulls(value, _named(schema, schemas), schemas)
    elif isinstance(value, list):
        for each in value:
            _give_nulls(each, schema.get("items", {}), schemas)
    elif isinstance(value, dict):
        for name, each in schema.get("properties", {}).items():
            if name in value:
                _give_nulls(value[name], each, schemas)
            elif name in schema.get("required", []) and {"type": "null"} in each.get("anyOf", []):
                value[name] = None


def _named(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schemas[schema["$ref"].rpartition("/")[2]]
    return found


def _own(place: dict[str, Any]) -> list[Any]:
    """Examples that stand at a place itself: of a schema a list, of a body or parameter one or some by name."""
    named = place.get("examples", [])
    listed = [each["value"] for each in named.values()] if isinstance(named, dict) else list(named)
    return [place["example"], *listed] if "example" in place else listed

"""What the OpenAPI document says that FastAPI cannot see: parameters that are read all alike, and forms of answers."""

import re
from collections.abc import Iterator
from typing import Any

_IN_PATH = re.compile(r"\{(\w+)\}")
_EXAMPLE = "2018-08-01T00:00:00Z"
_WINDOWS = {
    "published-min": "Only data that start at or after this time.",
    "published-max": "Only data that end by this time.",
    "updated-min": "Only what was stored, or last changed, at or after this time.",
    "updated-max": "Only what was stored, or last changed, before this time.",
}
_PAGES = {
    "start-index": ("Number of the first entry, from 1.", 1),
    "max-results": ("Most entries; the Link header leads to the others.", 1),
}
_DEPTH = ("depth", "How many levels below the subscription: 1 usage points, 2 what is theirs, 3 intervals.", 0)
_TIME = r"^\d{4}-\d{2}-\d{2}"


def parameters(
    path: str, *, windows: bool = False, pages: bool = False, depth: bool = False, prefer: bool = False
) -> dict[str, Any]:
    """`openapi_extra=` of an operation at `path`."""
    return {"parameters": [*_parameters(path, windows, pages, depth, prefer)]}


def _parameters(path: str, windows: bool, pages: bool, depth: bool, prefer: bool) -> Iterator[dict[str, Any]]:
    for name in _IN_PATH.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": _example(name)}
    for name, meaning in _WINDOWS.items() if windows else ():
        schema = {"type": "string", "format": "date-time"}
        yield {"name": name, "in": "query", "description": meaning, "schema": schema, "example": _EXAMPLE}
    numbers = [(name, *said) for name, said in _PAGES.items()] if pages else []
    for name, meaning, least in (*numbers, *((_DEPTH,) if depth else ())):
        schema_of = {"type": "integer", "minimum": least, "maximum": 10**15 - 1}
        yield {"name": name, "in": "query", "description": meaning, "schema": schema_of}
    if prefer:
        meaning = "respond-async: 202 now, and the same address answers 200 once the feed is built."
        yield {"name": "Prefer", "in": "header", "description": meaning, "schema": {"type": "string"}}


def _example(name: str) -> str:
    return "1234567890123456" if name != "bulk_uid" else "4234567890123456"


def xml_body(name: str) -> dict[str, Any]:
    """`openapi_extra=` of an operation that takes a resource."""
    schema = {"type": "string", "description": f"An ESPI {name}, bare or in an Atom entry."}
    content = {kind: {"schema": schema} for kind in ("application/atom+xml", "application/xml")}
    return {"requestBody": {"required": True, "content": content}}

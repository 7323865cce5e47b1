"""Bodies of the endpoints: forms in both codings, and JSON, all of them bounded."""

import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_LONGEST = 32_768
_MOST_PARAMETERS = 50


async def form_of(request: Request) -> list[tuple[str, str]]:
    """The form's parameters; literal spaces are taken as they are, which curl's -d leaves unencoded.

    Raises InvalidRequestError.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {_FORM, _MULTIPART}:
        raise InvalidRequestError(f"the body must be {_FORM} or {_MULTIPART}")
    body = await _body(request)
    try:
        return await _parts(request, body) if kind == _MULTIPART else _pairs(body)
    except (ValueError, MultiPartException) as error:
        raise InvalidRequestError("the body is not a form") from error


async def json_of(request: Request) -> dict[str, Any]:
    """A JSON object. Raises InvalidRequestError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidRequestError("the body must be application/json")
    try:
        value = json.loads(await _body(request))
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("the body is not JSON") from error
    if not isinstance(value, dict):
        raise InvalidRequestError("the body is not a JSON object")
    return value


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            raise InvalidRequestError("the body is too long")
    return bytes(body)


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(
        body.decode(), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict", separator="&"
    )


async def _parts(request: Request, body: bytes) -> list[tuple[str, str]]:
    """Fields only: a file is no parameter."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    parser = MultiPartParser(request.headers, stream(), max_files=0, max_fields=_MOST_PARAMETERS)
    form = await parser.parse()
    return [(name, value) for name, value in form.multi_items() if not isinstance(value, UploadFile)]

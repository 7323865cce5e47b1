"""Errors of the flexibility API: {"statusCode", "message", "error"}, and our stable code beside them.

`message` is one sentence, or a list of them where several members of a body are wrong.
Source: contracts/flexibility.md 1.1.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from energygrid.errors import Conflict, Denied, DomainError, Invalid, NotFound, Throttled, Unauthenticated, Unavailable

_log = logging.getLogger(__name__)
_STATUS: Mapping[type[DomainError], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Throttled: 429,
    Unavailable: 503,
}
_STATUS_OF_CODE = {
    "TOO_LARGE": 413,
    "TOO_MANY_RECORDS": 413,
    "UNSUPPORTED_FORMAT": 415,
    "SEAL_BROKEN": 500,
    "INTERNAL": 500,
}
_MOST_LISTED = 50


class ErrorOut(BaseModel):
    statusCode: int
    message: str | list[str]
    error: str
    code: str
    requestId: str


_TITLES = {
    400: "The request breaks a rule of its format.",
    401: "No key, or none that is known.",
    403: "The key is of another tenant, or the user has withdrawn consent.",
    404: "There is no such thing, or it is another tenant's.",
    409: "The present state forbids it.",
    413: "Too large, or too many records.",
    415: "The body is not JSON, or in an unknown coding.",
    429: "Too often, or too often at once; see Retry-After.",
    503: "Something this depends on does not answer; see Retry-After.",
}


_EXAMPLES: Mapping[int, tuple[str, str | list[str]]] = {
    400: ("INVALID_PAYLOAD", ["userId: Field required"]),
    401: ("NO_API_KEY", "send your key in the header x-api-key, your tenant's UUID in tenant"),
    403: ("WRONG_TENANT", "the header tenant is not the UUID of the tenant that the key is of"),
    404: ("UNKNOWN_ASSET", "there is no such asset"),
    409: ("ASSET_ARCHIVED", "asset 8b0f8f3e-2f3c-4d55-9a5e-0f6f6b7c9d10 has been archived"),
    413: ("TOO_LARGE", "the body is larger than 1048576 bytes"),
    415: ("UNSUPPORTED_FORMAT", "a body may be compressed by gzip, not by br"),
    429: ("RATE_LIMITED", "more than 25 requests a second"),
    503: ("DATABASE_UNAVAILABLE", "the database does not answer"),
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an operation that may fail so; what every operation may answer is added."""
    every = sorted({*statuses, 400, 401, 403, 429, 503})
    return {status: {"model": ErrorOut, **described(status)} for status in every}


def described(status: int) -> dict[str, Any]:
    """An error in the OpenAPI document, but for its schema."""
    code, message = _EXAMPLES[status]
    body = _body(status, code, message, "9b2f6c1e")
    return {"description": _TITLES[status], "content": {"application/json": {"example": body}}}


def install(app: FastAPI, allowed: Any) -> None:
    """Make these the errors of `app`; `allowed` gives the methods of a path, for 405."""

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, DomainError):  # raised by the body limit while a body was read
            return render(request.scope, error.__cause__)
        path = str(request.scope["path"]).removeprefix(request.scope.get("root_path", ""))
        if error.status_code == 405:
            answer = _answer(request.scope, 405, "METHOD_NOT_ALLOWED", f"{request.method} is no method of {path}")
            answer.headers["Allow"] = ", ".join(allowed(path))
            return answer
        if error.status_code == 404:
            return _answer(request.scope, 404, "UNKNOWN_PATH", f"there is nothing at {path}")
        return _answer(request.scope, 400, "MALFORMED_JSON", str(error.detail))

    async def domain_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, DomainError)
        return await unexpected(request, error) if error.code == "SEAL_BROKEN" else render(request.scope, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return _answer(request.scope, 400, "MALFORMED_JSON", "the body is not JSON")
        return _answer(request.scope, 400, "INVALID_PAYLOAD", [_sentence(fault) for fault in faults[:_MOST_LISTED]])

    async def unexpected(request: Request, error: Exception) -> Response:
        reference = request_id(request.scope)
        _log.error("unexpected error, reference %s", reference, exc_info=error)
        return _answer(request.scope, 500, "INTERNAL", f"unexpected; the log knows more under reference {reference}")

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(DomainError, domain_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)


def render(scope: Scope, error: DomainError) -> Response:
    """The answer that tells of `error`."""
    by_kind = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    listed = error.facts.get("messages")
    message = list(listed) if isinstance(listed, list | tuple) else error.message
    answer = _answer(scope, _STATUS_OF_CODE.get(error.code, by_kind), error.code, message)
    if isinstance(error, Unavailable | Throttled):
        answer.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        answer.headers["WWW-Authenticate"] = 'ApiKey realm="flexibility"'
    return answer


def request_id(scope: Scope) -> str:
    return str(scope.get("energygrid.request_id", "-"))


def _answer(scope: Scope, status: int, code: str, message: str | Sequence[str]) -> Response:
    body = _body(status, code, message, request_id(scope))
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _body(status: int, code: str, message: str | Sequence[str], reference: str) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    return {"statusCode": status, "message": message, "error": phrase, "code": code, "requestId": reference}


def _sentence(fault: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"] if part not in {"body", "query", "path", "header"})
    return f"{place}: {fault['msg']}" if place else str(fault["msg"])

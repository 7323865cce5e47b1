"""PowerBox's errors (contract C4, C5, P-4).

By default 401, 403 and 404 of the published operations have no body, as the overview says, and everything else has
{"errorCode", "message"}. A caller that accepts application/problem+json gets RFC 9457 instead, everywhere. The header
`PowerBox-Error-Code` always tells which it was.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from energygrid.customers.complaints import Complaint, complaints_in, invalid
from energygrid.customers.login import LoginNumber, LoginRefused
from energygrid.errors import (
    Conflict,
    Denied,
    DomainError,
    Invalid,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from energygrid.surfaces.powerbox.wire import ErrorOut

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
    "METER_ALREADY_BOUND": 400,
    "DEVICE_ALREADY_BOUND": 400,
    "METHOD_NOT_ALLOWED": 405,
    "TOO_LARGE": 413,
    "UNSUPPORTED_FORMAT": 415,
    "IDEMPOTENCY_MISMATCH": 422,
    "SEAL_BROKEN": 500,
    "INTERNAL": 500,
}
_SILENT_PATHS = frozenset({"/powerbox/customer", "/powerbox/bind", "/powerbox/healthz"})
_SILENT_STATUSES = frozenset({401, 403, 404, 503})
_LOGIN_PATH = "/powerbox/login"
_PROBLEM = "application/problem+json"
_TITLES = {
    400: "the request breaks a rule of its format",
    401: "no valid access token",
    403: "not allowed to this caller, or the account is locked or closed",
    404: "unknown identifier",
    405: "no such method here",
    409: "not now",
    413: "too large",
    415: "unsupported format",
    422: "this Idempotency-Key came with another request before",
    429: "too often; see Retry-After",
    503: "something needed does not answer; see Retry-After",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an operation whose errors have a body."""
    return {status: {"model": ErrorOut, "description": _TITLES[status]} for status in (*statuses, *_EVERYWHERE)}


def silent(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a published operation's errors that have no body unless problem+json is accepted."""
    return {status: {"description": f"{_TITLES[status]} (no body)"} for status in statuses}


_EVERYWHERE = (503,)


def install(app: FastAPI, allowed: Callable[[str], list[str]]) -> None:
    """Make these the errors of `app`; `allowed` gives the methods of a path, for 405."""

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, DomainError):  # raised by the body limit while a body was read
            return render(request, error.__cause__)
        path = _path(request)
        if error.status_code == 405:
            answer = render(request, Invalid("METHOD_NOT_ALLOWED", f"{request.method} is no method of {path}"))
            answer.headers["Allow"] = ", ".join(allowed(path))
            return answer
        if error.status_code == 404:
            return render(request, NotFound("UNKNOWN_PATH", "there is nothing at this path"))
        return render(request, Invalid("MALFORMED_JSON", str(error.detail)))

    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, _unexpected)


def render(request: Request, error: DomainError) -> Response:
    """The answer that tells of `error`."""
    status = _STATUS_OF_CODE.get(error.code) or _STATUS.get(type(error)) or _status_of_kind(error)
    headers = {"PowerBox-Error-Code": error.code, **_retry(error), **_challenge(request, status, error)}
    if _PROBLEM in request.headers.get("accept", ""):
        body, kind = _problem(request, status, error), _PROBLEM
    else:
        body, kind = _plain(request, status, error), "application/json"
    return Response(body, status, headers, media_type=kind if body else None)


def _status_of_kind(error: DomainError) -> int:
    return next(status for kind, status in _STATUS.items() if isinstance(error, kind))


def _retry(error: DomainError) -> dict[str, str]:
    seconds = getattr(error, "retry_after", error.facts.get("retry_after"))
    if seconds is None and error.code == "IDEMPOTENCY_IN_FLIGHT":
        seconds = 1
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _challenge(request: Request, status: int, error: DomainError) -> dict[str, str]:
    """RFC 6750 section 3: a caller who sent no token is not told that it was wrong."""
    if status == 401:
        sent = "authorization" in request.headers
        return {"WWW-Authenticate": 'Bearer error="invalid_token"' if sent else 'Bearer realm="PowerBox"'}
    if error.code == "INSUFFICIENT_SCOPE":
        scope = error.facts.get("scope", "")
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
    return {}


def _plain(request: Request, status: int, error: DomainError) -> bytes:
    path = _path(request)
    if path == _LOGIN_PATH:
        number = login_number(error)
        return b"" if number is None or status not in {401, 404} else msgspec.json.encode({"errorCode": number})
    if path in _SILENT_PATHS and status in _SILENT_STATUSES:
        return b""
    body: dict[str, object] = {"errorCode": error.code, "message": error.message}
    return msgspec.json.encode(body | _listed(error))


def _problem(request: Request, status: int, error: DomainError) -> bytes:
    """RFC 9457."""
    problem: dict[str, object] = {
        "type": f"urn:energygrid:powerbox:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "requestId": request.scope.get("energygrid.request_id", "-"),
    }
    return msgspec.json.encode(problem | _listed(error))


def _listed(error: DomainError) -> dict[str, object]:
    return {"errors": error.facts["errors"]} if "errors" in error.facts else {}


def login_number(error: DomainError) -> LoginNumber | None:
    """The guide's number of an error of /login (contract 1.5)."""
    if isinstance(error, LoginRefused):
        return error.number
    return 1 if isinstance(error, Unauthenticated | NotFound) else None


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    if error.code == "SEAL_BROKEN":
        return await _unexpected(request, error)
    return render(request, error)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return render(request, Invalid("MALFORMED_JSON", "the body is not JSON"))
    return render(request, invalid(complaints_in(faults) or [Complaint("", "is wrong")]))


async def _unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours: the answer names the request, the log has the rest."""
    reference = str(request.scope.get("energygrid.request_id", "-"))
    _log.error("unexpected error, reference %s", reference, exc_info=error)
    answer = render(request, Invalid("INTERNAL", f"unexpected; the log knows more under reference {reference}"))
    answer.headers["PowerBox-Request-Id"] = reference
    return answer


def _path(request: Request) -> str:
    """The path within this surface."""
    return str(request.scope["path"]).removeprefix(request.scope.get("root_path", ""))

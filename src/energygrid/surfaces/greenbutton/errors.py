"""Green Button's errors: one JSON body that reads as RFC 6749 and as RFC 9457 at once.

{"error", "error_description", "url", "type", "title", "status", "requestId"}; as application/problem+json, with
`detail` and `code`, for whoever accepts that. Source: contracts/greenbutton.md 3.4.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

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
from energygrid.surfaces.greenbutton.address import asked_url, inner_path

_log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
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
    "BULK_EXPIRED": 410,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "TOO_LARGE": 413,
    "UNSUPPORTED_FORMAT": 415,
    "SEAL_BROKEN": 500,
    "INTERNAL": 500,
}
_WORDS = {
    401: "invalid_token",
    403: "access_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    410: "gone",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    500: "server_error",
    503: "temporarily_unavailable",
}
_WORD_OF_CODE = {"BAD_PARAMETER": "invalid_param", "WRONG_TOKEN_KIND": "insufficient_scope"}
MEANINGS = {
    400: "a query parameter, or what was sent, is malformed",
    401: "no access token, or one that is invalid, expired or revoked",
    403: "an access token of another kind than this endpoint takes, or a registration that is on hold",
    404: "there is no such resource, or it is not yours to see",
    405: "no such method here",
    406: "no such representation of this resource",
    409: "not now",
    410: "it has expired",
    413: "too large",
    415: "unsupported media type",
    429: "too often; see Retry-After",
    500: "a fault of ours; the body names the log's reference",
    503: "something needed does not answer; see Retry-After",
}


class ErrorOut(BaseModel):
    """`parameter` names the query parameter that is wrong."""

    error: str
    error_description: str
    url: str
    type: str
    title: str
    status: int
    requestId: str
    parameter: str | None = None


def install(app: FastAPI, allowed: Callable[[str], list[str]]) -> None:
    """Make these the errors of `app`; `allowed` gives the methods of a path, for 405."""

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, DomainError):  # raised by the body limit while a body was read
            return render(request, error.__cause__)
        if error.status_code == 405:
            answer = render(request, Invalid("METHOD_NOT_ALLOWED", f"{request.method} is no method of this path"))
            answer.headers["Allow"] = ", ".join(allowed(inner_path(request)))
            return answer
        if error.status_code == 404:
            return render(request, NotFound("UNKNOWN_PATH", "there is nothing at this path"))
        return render(request, Invalid("MALFORMED_REQUEST", str(error.detail)))

    async def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
        return render(request, Invalid("BAD_PARAMETER", faults))

    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, _unexpected)


def render(request: Request, error: DomainError) -> Response:
    """The answer that tells of `error`."""
    status = _STATUS_OF_CODE.get(error.code) or next(
        (status for kind, status in _STATUS.items() if isinstance(error, kind)), 500
    )
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Authorization", **_challenge(request, status, error)}
    if isinstance(error, Throttled | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    # Whatever is not there is not there in the same words: nobody learns of another's resource.
    message = MEANINGS[404] if status == 404 else error.message
    code = "NOT_FOUND" if status == 404 else error.code
    body: dict[str, Any] = {
        "error": error.facts.get("word") or _WORD_OF_CODE.get(error.code) or _WORDS.get(status, "invalid_request"),
        "error_description": message,
        "url": asked_url(request),
        "type": f"urn:energygrid:greenbutton:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "requestId": _request_id(request),
    }
    if "parameter" in error.facts:
        body["parameter"] = error.facts["parameter"]
    kind = "application/json"
    if PROBLEM in request.headers.get("accept", ""):
        body |= {"detail": message, "code": code}
        kind = PROBLEM
    return Response(msgspec.json.encode(body), status, headers, media_type=kind)


_GOOD = {
    "atom": ("application/atom+xml", "application/espi+json"),
    "readings": ("application/atom+xml", "application/espi+json", "text/csv", "application/vnd.apache.parquet"),
    "xml": ("application/xml",),
    "file": ("*/*",),
}


def answers_of(good: str, *statuses: int, later: bool = False, reads: bool = True) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an operation; `good` names the representations of its answer."""
    content = {kind: {"schema": {} if "json" in kind else {"type": "string"}} for kind in _GOOD[good]}
    answered: dict[int | str, dict[str, Any]] = {
        200: {"description": "The resource.", "content": content},
    }
    if reads:
        answered[304] = {"description": "The caller has it already (If-None-Match, If-Modified-Since)."}
    if later:
        answered[202] = {"description": "It is being built: ask the same address again after Retry-After seconds."}
    return answered | {status: {"model": ErrorOut, "description": MEANINGS[status]} for status in (*statuses, 503)}


def _challenge(request: Request, status: int, error: DomainError) -> dict[str, str]:
    """RFC 6750 section 3: a caller who sent no token is not told that it was wrong."""
    if status == 401:
        sent = "authorization" in request.headers
        return {"WWW-Authenticate": 'Bearer error="invalid_token"' if sent else 'Bearer realm="Green Button"'}
    if error.code == "WRONG_TOKEN_KIND":
        return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    return {}


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    if error.code == "SEAL_BROKEN":
        return await _unexpected(request, error)
    return render(request, error)


async def _unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours: the answer names the request, the log has the rest."""
    reference = _request_id(request)
    _log.error("unexpected error, reference %s", reference, exc_info=error)
    return render(request, Invalid("INTERNAL", f"unexpected; the log knows more under reference {reference}"))


def _request_id(request: Request) -> str:
    return str(request.scope.get("energygrid.request_id", "-"))

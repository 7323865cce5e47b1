"""Errors of this surface, in the shape of RFC 6749 section 5.2 whatever their origin."""

import logging
from collections.abc import Mapping

from authlib.oauth2.rfc6749.errors import OAuth2Error
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from energygrid.errors import Denied, DomainError, NotFound, Throttled, Unauthenticated, Unavailable

_log = logging.getLogger(__name__)
_NO_STORE = {"Cache-Control": "no-store"}
_STATUS: Mapping[type[DomainError], tuple[int, str]] = {
    Unavailable: (503, "temporarily_unavailable"),
    Throttled: (429, "temporarily_unavailable"),
    Unauthenticated: (401, "invalid_client"),
    Denied: (403, "access_denied"),
    NotFound: (404, "not_found"),
}
_OF_METADATA = (
    "BAD_METADATA",
    "BAD_NAME",
    "BAD_SCOPE",
    "BAD_AUTH_METHOD",
    "UNKNOWN_GRANT",
    "UNKNOWN_UTILITY",
    "BAD_URL",
    "FORBIDDEN_ADDRESS",
)
_METADATA = {"BAD_REDIRECT_URI": "invalid_redirect_uri"} | dict.fromkeys(_OF_METADATA, "invalid_client_metadata")
"""RFC 7591 section 3.2.2."""


def install(app: FastAPI) -> None:
    app.add_exception_handler(OAuth2Error, _oauth_error)
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _oauth_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OAuth2Error)
    status, body, headers = error()
    return JSONResponse(body, status, {**dict(headers), **_NO_STORE})


async def _domain_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)
    other = (413 if error.code == "TOO_LARGE" else 400, _METADATA.get(error.code, "invalid_request"))
    status, code = _STATUS.get(type(error), other)
    retry = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable | Throttled) else {}
    challenge = {"WWW-Authenticate": 'Basic realm="EnergyGrid"'} if status == 401 else {}
    return _answer(status, code, error.message, retry | challenge)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    return _answer(error.status_code, code, str(error.detail), error.headers or {})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    reference = str(request.scope.get("energygrid.request_id", "-"))
    _log.error("unexpected error, reference %s", reference, exc_info=error)
    return _answer(500, "server_error", f"unexpected; the log knows more under reference {reference}", {})


def _answer(status: int, code: str, description: str, headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse({"error": code, "error_description": description}, status, {**headers, **_NO_STORE})

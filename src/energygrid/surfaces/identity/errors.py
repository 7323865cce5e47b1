"""Errors of this surface, in the shape of RFC 6749 section 5.2 whatever their origin."""

import logging
from collections.abc import Mapping

from authlib.oauth2.rfc6749.errors import OAuth2Error
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from energygrid.errors import DomainError, Throttled, Unauthenticated, Unavailable

_log = logging.getLogger(__name__)
_NO_STORE = {"Cache-Control": "no-store"}
_STATUS: Mapping[type[DomainError], tuple[int, str]] = {
    Unavailable: (503, "temporarily_unavailable"),
    Throttled: (429, "temporarily_unavailable"),
    Unauthenticated: (401, "invalid_client"),
}


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
    status, code = _STATUS.get(type(error), (413 if error.code == "TOO_LARGE" else 400, "invalid_request"))
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

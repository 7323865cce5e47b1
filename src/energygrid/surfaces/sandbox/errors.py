"""Errors of this surface: a JSON object with a stable code and a sentence."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from energygrid.errors import Conflict, Denied, DomainError, NotFound, Throttled, Unauthenticated, Unavailable

_log = logging.getLogger(__name__)
_STATUS: Mapping[type[DomainError], int] = {
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Throttled: 429,
    Unavailable: 503,
}
_BY_STATUS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


class ErrorOut(BaseModel):
    errorCode: str
    message: str


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorOut, "description": text}
    for status, text in {
        400: "The request breaks a rule of its format, or the tenant is no sandbox.",
        401: "No valid bearer token.",
        503: "Something this depends on does not answer.",
    }.items()
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _domain_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)
    status = _STATUS.get(type(error), 400)
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'} if status == 401 else {}
    if isinstance(error, Unavailable | Throttled):
        headers["Retry-After"] = str(error.retry_after)
    return _answer(status, error.code, error.message, headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fault = error.errors()[0]
    where = ".".join(str(step) for step in fault["loc"])
    return _answer(400, "INVALID_PAYLOAD", f"{where}: {fault['msg']}", {})


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, "INVALID_PAYLOAD")
    return _answer(error.status_code, code, str(error.detail), error.headers or {})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    reference = str(request.scope.get("energygrid.request_id", "-"))
    _log.error("unexpected error, reference %s", reference, exc_info=error)
    return _answer(500, "INTERNAL", f"unexpected; the log knows more under reference {reference}", {})


def _answer(status: int, code: str, message: str, headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse({"errorCode": code, "message": message}, status, dict(headers))

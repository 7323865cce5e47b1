"""Errors as pages."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from energygrid.errors import Conflict, Denied, DomainError, Invalid, NotFound, Throttled, Unauthenticated, Unavailable
from energygrid.surfaces.portal.auth import SignInNeeded, base_of, sign_in_path
from energygrid.surfaces.portal.pages import page

_log = logging.getLogger(__name__)
_STATUS: Mapping[type[DomainError], tuple[int, str]] = {
    Invalid: (400, "That did not work"),
    Unauthenticated: (401, "Please sign in"),
    Denied: (403, "Not allowed"),
    NotFound: (404, "Page not found"),
    Conflict: (409, "That is not possible now"),
    Throttled: (429, "Too many requests"),
    Unavailable: (503, "Temporarily unavailable"),
}
_NO_PAGE = "There is no such page, or it is not yours to see."


def install(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _unexpected)


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    return RedirectResponse(sign_in_path(request, None, error.back_to), 303)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    status, title = _STATUS.get(type(error), (400, "That did not work"))
    if error.code == "TOO_LARGE":
        status = 413
    answer = _page(request, status, title, _NO_PAGE if status == 404 else _sentence(error.message))
    if isinstance(error, Throttled | Unavailable):
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    base = base_of(request)
    if error.status_code == 404 and request.url.path == base:
        return RedirectResponse(f"{base}/", 308)
    if error.status_code == 404:
        return _page(request, 404, "Page not found", _NO_PAGE)
    answer = _page(request, error.status_code, "That did not work", str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _not_understood(request: Request, _: Exception) -> Response:
    return _page(request, 400, "That did not work", "The address or the form holds a value of the wrong kind.")


async def _unexpected(request: Request, error: Exception) -> Response:
    reference = str(request.scope.get("energygrid.request_id", "-"))
    _log.error("unexpected error, reference %s", reference, exc_info=error)
    return _page(request, 500, "Something went wrong", f"It is a fault of ours. Its reference is {reference}.")


def _page(request: Request, status: int, title: str, message: str) -> Response:
    return page(request, "error.html", title=title, status=status, message=message)


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "?", "!")) else ".")

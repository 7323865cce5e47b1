"""How the applications of the surfaces get their routes."""

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI


def serve(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Have `app` answer all routes of these.

    They are complete as declared: `include_router` would build each of them, with the validators of all its models,
    once more for every application and with the first request.
    """
    for router in routers:
        app.router.routes.extend(router.routes)


def under(prefix: str, routers: Iterable[APIRouter], *, in_schema: bool = True) -> APIRouter:
    """The routes of all these below `prefix`."""
    made = APIRouter(prefix=prefix, include_in_schema=in_schema)
    for router in routers:
        made.include_router(router)
    return made

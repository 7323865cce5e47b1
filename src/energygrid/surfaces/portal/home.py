"""The first page after signing in."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from energygrid.surfaces.portal.auth import Visitor, base_of, sign_in_path
from energygrid.surfaces.portal.pages import page

router = APIRouter()


@router.get("/")
async def home(request: Request, session: Visitor) -> Response:
    if session is None:
        return RedirectResponse(sign_in_path(request, None, f"{base_of(request)}/"), 303)
    return page(request, "home.html", title=f"Welcome, {session.user.name}", roles=session.user.roles)

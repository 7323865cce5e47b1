"""Whether the service works: a bare document, not Atom (contracts/greenbutton.md 1.2, ServiceStatus)."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.database.health import server_time
from energygrid.errors import Unavailable
from energygrid.greenbutton.bearers import TokenKind, bearer_of
from energygrid.surfaces.common.deps import Here
from energygrid.surfaces.greenbutton.address import RESOURCE
from energygrid.surfaces.greenbutton.answers import answer, whole
from energygrid.surfaces.greenbutton.auth import WithClientOrApiToken
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import Form, media_type

router = APIRouter(prefix=RESOURCE, tags=["Service status"])
_NORMAL, _UNAVAILABLE = 1, 0


@router.get("/ReadServiceStatus", responses=answers_of("xml", 401, 403, 406, 429), response_class=Response)
def read_service_status(request: Request, presented: WithClientOrApiToken, here: Here) -> Response:
    """1 while the service works, 0 while its database does not answer."""
    media_type(request.headers.get("accept", ""), (Form.ATOM,))
    try:
        if presented.kind is TokenKind.API:
            here.database.read(server_time)
        else:
            here.database.read(bearer_of, presented, here.vault, datetime.now(UTC))
        status = _NORMAL
    except Unavailable:
        status = _UNAVAILABLE
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ServiceStatus xmlns="http://naesb.org/espi">'
        f"<currentStatus>{status}</currentStatus></ServiceStatus>\n"
    )
    return answer(request, whole(body.encode(), "application/xml; charset=utf-8", None))

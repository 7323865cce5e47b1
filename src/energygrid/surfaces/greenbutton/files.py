"""Files that other resources link to: statements as the utility sent them. They cannot be listed."""

import re
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.greenbutton.customer import views
from energygrid.surfaces.greenbutton.address import RESOURCE
from energygrid.surfaces.greenbutton.answers import answer, whole
from energygrid.surfaces.greenbutton.asked import notes
from energygrid.surfaces.greenbutton.auth import WithAccessToken
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.errors import answers_of

router = APIRouter(prefix=f"{RESOURCE}/Non-ESPI", tags=["Files"])
_ANSWERS = answers_of("file", 400, 401, 403, 404, 429)
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")


@router.get("/statements/{statement_uid}", responses=_ANSWERS, response_class=Response)
def read_statement(request: Request, presented: WithAccessToken, statement_uid: str) -> Response:
    """A bill as the customer got it. A browser saves it and never shows it in place."""
    call = Call.of(request, presented)
    _, found = call.shared(None, lambda db, context: views.statement_file(db, context, statement_uid))
    media_type, name, body = found
    kind = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    headers = {"Content-Disposition": _saved_as(name or f"statement-{statement_uid}"), **notes(call.asked)}
    return answer(request, whole(body, kind, None, headers))


def _saved_as(name: str) -> str:
    """RFC 6266: letters that every reader knows, and the name itself for those who know more."""
    plain = _PLAIN.sub("_", name)[:120] or "statement"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:200], safe='')}"

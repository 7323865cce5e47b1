"""A feed at once, as it is written, or built ahead (contracts/greenbutton.md 3.3).

Later is for callers that ask for it (`Prefer: respond-async`, RFC 7240) and for feeds larger than the utility set: 202,
and the same address answers 200 when it is built. A page of a feed is always answered at once.
"""

from collections.abc import Iterator

from starlette.responses import Response

from energygrid.access.caller import Tenant
from energygrid.greenbutton import ahead
from energygrid.greenbutton.ahead import Building, Built, Recipe
from energygrid.greenbutton.feed import Feed
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.surfaces.greenbutton.answers import Draft, answer
from energygrid.surfaces.greenbutton.asked import Asked
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.documents import feed_draft
from energygrid.surfaces.greenbutton.negotiation import MEDIA_TYPES
from energygrid.surfaces.greenbutton.paging import cut

_ASYNC = "respond-async"


def representation(chosen: str) -> str:
    """The recipe's word for a media type."""
    return str(MEDIA_TYPES[chosen])


def client_of(call: Call) -> str:
    token = call.visit.presented.token
    return "" if token is None else token.client_id


def now_or_later(call: Call, chosen: str, feed: Feed, tenant: Tenant, recipe: Recipe) -> Response:
    preferred = _prefers_later(call)
    if not is_whole(call.asked) or not (preferred or _is_large(feed, tenant)):
        return answer(call.request, feed_draft(call, chosen, cut(feed, call.asked)))
    readings, now = feed.readings, call.visit.now
    found = call.here.database.write(ahead.request, tenant, recipe, version=feed.version, readings=readings, now=now)
    applied = {"Preference-Applied": _ASYNC} if preferred else {}
    if isinstance(found, Building):
        wait = {"Retry-After": str(found.retry_after), "Cache-Control": "no-store", "Vary": "Authorization, Prefer"}
        return Response(status_code=202, headers=wait | applied)
    draft = feed_draft(call, chosen, feed)
    if isinstance(found, Built):
        draft = _built(call, draft, tenant, found)
    return answer(call.request, draft)


def is_whole(asked: Asked) -> bool:
    return asked.depth is None and asked.max_results is None and asked.start_index == 1


def _prefers_later(call: Call) -> bool:
    preferences = ",".join(call.request.headers.getlist("prefer")).lower().split(",")
    return any(each.partition(";")[0].strip() == _ASYNC for each in preferences)


def _is_large(feed: Feed, tenant: Tenant) -> bool:
    most = tenant.section("greenbutton", GreenButtonSettings).async_above_readings
    return most is not None and feed.readings > most


def _built(call: Call, draft: Draft, tenant: Tenant, built: Built) -> Draft:
    here = call.here

    class Pieces:
        def __init__(self, *, gzipped: bool) -> None:
            self._gzipped = gzipped

        def __iter__(self) -> Iterator[bytes]:
            return ahead.read(here.database, here.vault, tenant.id, built.id, gzipped=self._gzipped)

    return Draft(
        draft.media_type,
        f"{built.version} {built.id}",
        Pieces(gzipped=False),
        built.finished_at,
        draft.headers,
        Pieces(gzipped=True),
    )

"""Entries and feeds as drafts of answers, in the representation that was chosen."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import quote

from energygrid.greenbutton.atom import USAGE, Entry, Namespace, xml_entry_document
from energygrid.greenbutton.feed import Feed
from energygrid.greenbutton.twins import WRITERS, json_entry
from energygrid.surfaces.greenbutton.address import asked_url, own_url
from energygrid.surfaces.greenbutton.answers import Draft, whole
from energygrid.surfaces.greenbutton.asked import Asked, notes
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.negotiation import MEDIA_TYPES, Form

ENTRY_FORMS = (Form.ATOM, Form.JSON)
READING_FORMS = (Form.ATOM, Form.JSON, Form.CSV, Form.PARQUET)
_TITLES = {USAGE: "Green Button Usage Feed"}


def content_type(chosen: str, kind: str) -> str:
    """`kind` is feed or entry."""
    if chosen == "application/atom+xml":
        return f"{chosen};type={kind};charset=utf-8"
    if chosen == "text/csv":
        return f"{chosen}; charset=utf-8; header=present"
    return f"{chosen}; charset=utf-8" if MEDIA_TYPES[chosen] is Form.ATOM else chosen


def entry_draft(call: Call, chosen: str, entry: Entry) -> Draft:
    """A single entry; it takes no parameter, so whatever is asked for is ignored."""
    body = xml_entry_document(entry) if MEDIA_TYPES[chosen] is Form.ATOM else json_entry(entry)
    ignored = Asked(ignored=tuple(dict.fromkeys(call.request.query_params)))
    return whole(body, content_type(chosen, "entry"), entry.updated, notes(ignored))


def list_draft(
    call: Call, chosen: str, entries: Sequence[Entry], *, kind: str, namespace: Namespace, updated: datetime
) -> Draft:
    """One page of a list. `updated` is when an empty list last changed."""
    asked = call.asked
    first = asked.start_index - 1
    page = entries[first : None if asked.max_results is None else first + asked.max_results]
    feed = Feed(
        title=_TITLES.get(namespace, "Green Button Customer Feed"),
        href=asked_url(call.request),
        kind=kind,
        updated=max((each.updated for each in page), default=updated),
        version="",
        entries=lambda: iter(page),
    )
    body = b"".join(WRITERS[MEDIA_TYPES[chosen]](feed))
    headers = notes(asked) | links(call, more=first + len(page) < len(entries), size=len(page))
    return whole(body, content_type(chosen, "feed"), feed.updated, headers)


def feed_draft(call: Call, chosen: str, feed: Feed) -> Draft:
    """A feed that is written while it is sent."""
    headers = notes(call.asked)
    form = MEDIA_TYPES[chosen]
    if form in {Form.CSV, Form.PARQUET}:
        headers |= {"Content-Disposition": f'attachment; filename="{_file_name(call)}.{form}"'}
    return Draft(content_type(chosen, "feed"), feed.version, _Pieces(feed, form), feed.updated, headers)


class _Pieces:
    """Written only when somebody reads it."""

    def __init__(self, feed: Feed, form: Form) -> None:
        self._feed = feed
        self._form = form

    def __iter__(self) -> Iterator[bytes]:
        return iter(WRITERS[self._form](self._feed))


def links(call: Call, *, more: bool, size: int) -> dict[str, str]:
    """The pages before and after, in a header: the schema of feeds has no place for them."""
    asked = call.asked
    if asked.max_results is None:
        return {}
    found = []
    if more:
        found.append(("next", asked.start_index + size))
    if asked.start_index > 1:
        found.append(("previous", max(1, asked.start_index - asked.max_results)))
    value = ", ".join(f'<{_page(call, start)}>; rel="{rel}"' for rel, start in found)
    return {"Link": value} if value else {}


def _page(call: Call, start: int) -> str:
    kept = [
        f"{quote(name, safe='')}={quote(value, safe=':')}"
        for name, value in call.request.query_params.multi_items()
        if name not in {"start-index", "startIndex"}
    ]
    return f"{own_url(call.request)}?{'&'.join([*kept, f'start-index={start}'])}"


def _file_name(call: Call) -> str:
    return f"green-button-{own_url(call.request).rpartition('/')[2]}"

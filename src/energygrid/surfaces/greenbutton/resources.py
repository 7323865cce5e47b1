"""From a table of resources to endpoints: a list and an item for each, under an access token.

A resource is its place and its view; everything else (who may, windows, pages, representations, validators, errors) is
the same for all of them and stands here once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from energygrid.greenbutton.atom import CUSTOMER, USAGE, Entry, Namespace
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.window import EVERYTHING, Window
from energygrid.surfaces.greenbutton.address import own_url
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import WithAccessToken
from energygrid.surfaces.greenbutton.call import Call, unknown
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, entry_draft, list_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters


@dataclass(frozen=True, slots=True)
class Sought:
    """A resource that is asked for: its address, the ids in it, and the window of a list."""

    href: str
    ids: Mapping[str, str]
    window: Window = EVERYTHING


Listed: TypeAlias = Callable[[Connection, Context, Sought], Sequence[Entry]]
One: TypeAlias = Callable[[Connection, Context, Sought], Entry | None]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource.

    name    as ESPI has it
    path    of its list; `item` is the path parameter that names one of it
    listed  its list; raises NotFound where what it stands below is not there
    one     a single one, None when it is not there
    """

    name: str
    path: str
    item: str
    listed: Listed
    one: One
    namespace: Namespace = USAGE

    @property
    def label(self) -> str:
        return f"{'espi' if self.namespace == USAGE else 'cust'}-feed/{self.name}"

    @property
    def group(self) -> str:
        return "Customer" if self.namespace == CUSTOMER else "Usage"


def at(address: str, entries: Sequence[Entry]) -> Entry | None:
    """The entry whose address ends so."""
    return next((each for each in entries if each.href.endswith(address)), None)


def add(router: APIRouter, resource: Resource, *, deprecated: bool = False) -> None:
    """Both endpoints of a resource."""

    def read_list(request: Request, presented: WithAccessToken) -> Response:
        return _list(Call.of(request, presented), resource)

    def read_item(request: Request, presented: WithAccessToken) -> Response:
        return _item(Call.of(request, presented), resource)

    word = f"{resource.path.replace('/', ' ').replace('{', '').replace('}', '').strip().replace(' ', '_')}"
    common: dict[str, Any] = {
        "methods": ["GET"],
        "response_class": Response,
        "tags": [resource.group],
        "deprecated": deprecated or None,
    }
    router.add_api_route(
        resource.path,
        read_list,
        operation_id=f"list_{word}",
        summary=f"The list of {resource.name} entries, empty when there are none.",
        responses=answers_of("atom", 400, 401, 403, 404, 406, 429),
        openapi_extra=parameters(resource.path, windows=True, pages=True),
        **common,
    )
    item = f"{resource.path}/{{{resource.item}}}"
    router.add_api_route(
        item,
        read_item,
        operation_id=f"read_{word}",
        summary=f"One {resource.name}.",
        responses=answers_of("atom", 400, 401, 403, 404, 406, 429),
        openapi_extra=parameters(item),
        **common,
    )


def _list(call: Call, resource: Resource) -> Response:
    chosen = media_type(call.request.headers.get("accept", ""), ENTRY_FORMS)
    sought = Sought(own_url(call.request), call.request.path_params, call.asked.window)
    authorization = sought.ids.get("auth_uid")
    context, entries = call.shared(authorization, lambda db, context: resource.listed(db, context, sought))
    changed = context.entitlement.changed_at
    draft = list_draft(call, chosen, entries, kind=resource.label, namespace=resource.namespace, updated=changed)
    return answer(call.request, draft)


def _item(call: Call, resource: Resource) -> Response:
    chosen = media_type(call.request.headers.get("accept", ""), ENTRY_FORMS)
    sought = Sought(own_url(call.request), call.request.path_params)

    def read(db: Connection, context: Context) -> Entry:
        entry = resource.one(db, context, sought)
        if entry is None:
            raise unknown()
        return entry

    _, entry = call.shared(sought.ids.get("auth_uid"), read)
    return answer(call.request, entry_draft(call, chosen, entry))

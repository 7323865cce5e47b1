"""From a resource to its two endpoints: a list and an item, under an access token.

Who may, windows, pages, representations, validators and errors are the same for all of them and stand here once.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from energygrid.greenbutton.atom import CUSTOMER
from energygrid.greenbutton.bearers import unknown
from energygrid.greenbutton.resources import CUSTOMER_RESOURCES, USAGE_RESOURCES, Resource, Sought
from energygrid.surfaces.greenbutton.address import RESOURCE, own_url
from energygrid.surfaces.greenbutton.answers import answer
from energygrid.surfaces.greenbutton.auth import WithAccessToken
from energygrid.surfaces.greenbutton.call import Call
from energygrid.surfaces.greenbutton.documents import ENTRY_FORMS, entry_draft, list_draft
from energygrid.surfaces.greenbutton.errors import answers_of
from energygrid.surfaces.greenbutton.negotiation import media_type
from energygrid.surfaces.greenbutton.openapi import parameters

router = APIRouter(prefix=RESOURCE)


def _add(resource: Resource) -> None:
    """Both endpoints of a resource."""

    def read_list(request: Request, presented: WithAccessToken) -> Response:
        return _list(Call.of(request, presented), resource)

    def read_item(request: Request, presented: WithAccessToken) -> Response:
        return _item(Call.of(request, presented), resource)

    word = f"{resource.path.replace('/', ' ').replace('{', '').replace('}', '').strip().replace(' ', '_')}"
    common: dict[str, Any] = {
        "methods": ["GET"],
        "response_class": Response,
        "tags": ["Customer" if resource.namespace == CUSTOMER else "Usage"],
        "deprecated": resource.deprecated or None,
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
    chosen = media_type(call.accepts, ENTRY_FORMS)
    sought = Sought(own_url(call.request), call.request.path_params, call.asked.window)
    authorization = sought.ids.get("auth_uid")
    context, entries = call.shared(authorization, lambda db, context: resource.listed(db, context, sought))
    changed = context.entitlement.changed_at
    draft = list_draft(call, chosen, entries, kind=resource.kind, namespace=resource.namespace, updated=changed)
    return answer(call.request, draft)


def _item(call: Call, resource: Resource) -> Response:
    chosen = media_type(call.accepts, ENTRY_FORMS)
    sought = Sought(own_url(call.request), call.request.path_params)

    _, entry = call.shared(sought.ids.get("auth_uid"), lambda db, context: resource.one(db, context, sought))
    if entry is None:
        raise unknown()
    return answer(call.request, entry_draft(call, chosen, entry))


for _resource in (*USAGE_RESOURCES, *CUSTOMER_RESOURCES):
    _add(_resource)

"""Webhook endpoints: /powerbox/webhooks[/{webhookId}] (contract P-8, 5.7, 5.8)."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StrictBool, StrictStr

from energygrid.errors import Invalid, Unavailable
from energygrid.messaging.webhooks import endpoints
from energygrid.messaging.webhooks.posting import guarded_client
from energygrid.messaging.webhooks.queries import Endpoint
from energygrid.services import Services
from energygrid.surfaces.common.deps import Db, Here, Now, RequestId
from energygrid.surfaces.powerbox import webhook_log
from energygrid.surfaces.powerbox.auth import MayManageWebhooks
from energygrid.surfaces.powerbox.errors import problems
from energygrid.surfaces.powerbox.webhook_log import AcceptedOut, EventType, WebhookId
from energygrid.surfaces.powerbox.wire import Wire

router = APIRouter(tags=["Webhooks"])


class WebhookIn(Wire):
    """`eventTypes` empty means every type, also those to come."""

    model_config = ConfigDict(extra="ignore")

    url: StrictStr = Field(max_length=2048, examples=["https://hooks.utility.example/energygrid"])
    description: str = Field("", max_length=200, pattern=r"^[^\x00-\x1F\x7F]*$")
    event_types: list[EventType] = Field([], max_length=50)


class WebhookChange(WebhookIn):
    """Disabling dead-letters what still waits; enabling starts afresh, and a replay brings back what was missed."""

    enabled: StrictBool = True


class WebhookOut(Wire):
    """An endpoint. `failures` counts attempts since the last success."""

    id: str
    url: str
    description: str
    event_types: list[str]
    enabled: bool
    disabled_reason: str | None = Field(None, description="GONE, EXHAUSTED or DISABLED_BY_OWNER.")
    failures: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def facts(cls, endpoint: Endpoint) -> dict[str, Any]:
        names = [name for name in WebhookOut.model_fields if name != "event_types"]
        return {name: getattr(endpoint, name) for name in names} | {"event_types": endpoint.types}

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookOut":
        return cls(**cls.facts(endpoint))


class WebhookCreated(WebhookOut):
    """The only answer that ever shows the secret."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class WebhooksOut(Wire):
    webhooks: list[WebhookOut]


class SecretOut(Wire):
    """Until `previousValidUntil` messages carry a signature with the old secret too."""

    secret: str
    previous_valid_until: datetime


def _vet(here: Services, url: str) -> None:
    """Resolves the name, so it stands outside any transaction."""
    allow = tuple(here.settings.outgoing_allow)
    try:
        guarded_client(allow, allow_http=here.settings.outgoing_http).vet(url)
    except Unavailable as error:
        raise Invalid("BAD_URL", error.message) from error


@router.post(
    "/powerbox/webhooks",
    operation_id="createWebhook",
    status_code=201,
    responses=problems(400, 401, 403, 409, 413),
    response_model_exclude_none=True,
)
def create_webhook(
    body: WebhookIn,
    response: Response,
    caller: MayManageWebhooks,
    here: Here,
    request_id: RequestId,
    now: Now,
) -> WebhookCreated:
    """Register an address. The secret is in this answer and never shown again."""
    _vet(here, body.url)
    made, secret = here.database.write(
        endpoints.create,
        caller.tenant,
        here.vault,
        url=body.url,
        description=body.description,
        types=body.event_types,
        who=caller.actor(request_id),
        now=now,
    )
    response.headers["Location"] = f"webhooks/{made.id}"
    return WebhookCreated(**WebhookOut.facts(made), secret=secret)


@router.get(
    "/powerbox/webhooks",
    operation_id="listWebhooks",
    responses=problems(401, 403),
    response_model_exclude_none=True,
)
def list_webhooks(caller: MayManageWebhooks, db: Db) -> WebhooksOut:
    """All endpoints of this utility; fifty at most."""
    return WebhooksOut(webhooks=[WebhookOut.of(each) for each in db.read(endpoints.list_endpoints, caller.tenant)])


@router.get(
    "/powerbox/webhooks/{webhookId}",
    operation_id="getWebhook",
    responses=problems(400, 401, 403, 404),
    response_model_exclude_none=True,
)
def get_webhook(webhookId: WebhookId, caller: MayManageWebhooks, db: Db) -> WebhookOut:
    """One endpoint, without its secret."""
    return WebhookOut.of(db.read(endpoints.get, caller.tenant, webhookId))


@router.put(
    "/powerbox/webhooks/{webhookId}",
    operation_id="putWebhook",
    responses=problems(400, 401, 403, 404, 413),
    response_model_exclude_none=True,
)
def put_webhook(
    webhookId: WebhookId,
    body: WebhookChange,
    caller: MayManageWebhooks,
    here: Here,
    request_id: RequestId,
    now: Now,
) -> WebhookOut:
    """Replace address, description, types and whether it is enabled; the secret stays."""
    _vet(here, body.url)
    changed = here.database.write(
        endpoints.change,
        caller.tenant,
        webhookId,
        url=body.url,
        description=body.description,
        types=body.event_types,
        enabled=body.enabled,
        who=caller.actor(request_id),
        now=now,
    )
    return WebhookOut.of(changed)


@router.delete(
    "/powerbox/webhooks/{webhookId}",
    operation_id="deleteWebhook",
    status_code=204,
    responses=problems(400, 401, 403, 404),
)
def delete_webhook(
    webhookId: WebhookId,
    caller: MayManageWebhooks,
    db: Db,
    request_id: RequestId,
    now: Now,
) -> None:
    """Remove the endpoint with its log; what waits for it is not sent."""
    db.write(endpoints.delete, caller.tenant, webhookId, who=caller.actor(request_id), now=now)


@router.post(
    "/powerbox/webhooks/{webhookId}/secret",
    operation_id="rotateWebhookSecret",
    responses=problems(400, 401, 403, 404),
)
def rotate_webhook_secret(
    webhookId: WebhookId,
    caller: MayManageWebhooks,
    here: Here,
    request_id: RequestId,
    now: Now,
) -> SecretOut:
    """A new secret; for a day messages are signed with both."""
    who = caller.actor(request_id)
    secret, until = here.database.write(endpoints.rotate_secret, caller.tenant, here.vault, webhookId, who=who, now=now)
    return SecretOut(secret=secret, previous_valid_until=until)


@router.post(
    "/powerbox/webhooks/{webhookId}/test",
    operation_id="testWebhook",
    status_code=202,
    responses=problems(400, 401, 403, 404, 409),
)
def test_webhook(
    webhookId: WebhookId,
    caller: MayManageWebhooks,
    db: Db,
    request_id: RequestId,
    now: Now,
) -> AcceptedOut:
    """Send a `webhook.test` message to this endpoint; its outcome is in the delivery log."""
    who = caller.actor(request_id)
    return AcceptedOut(event_id=db.write(endpoints.call_for_test, caller.tenant, webhookId, who=who, now=now))


router.routes.extend(webhook_log.router.routes)

"""Webhooks: subscriptions, their secrets and test calls, and a sandbox's faults (contracts/flexibility.md 1.2, 1.8)."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body

from energygrid.errors import Invalid, Unavailable
from energygrid.flexibility import messages
from energygrid.messaging.events import FLEX
from energygrid.messaging.settings import FaultSettings
from energygrid.messaging.webhooks import endpoints, faults
from energygrid.messaging.webhooks.posting import client_of
from energygrid.surfaces.common.deps import Db, Here, Now, RequestId
from energygrid.surfaces.flex import webhook_log
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.webhook_wire import (
    Faults,
    RotateIn,
    SecretOut,
    SubscribedOut,
    SubscribeIn,
    TestedType,
    TestOut,
    UnsubscribedOut,
    WebhookOut,
)
from energygrid.surfaces.flex.wire import Page, Paged

router = APIRouter(tags=["Webhooks"])


@router.get("/webhooks", operation_id="listWebhooks", responses=answers())
def list_webhooks(caller: FlexCaller, db: Db, paging: Paged) -> Page[WebhookOut]:
    """All subscriptions, the oldest first."""
    found = db.read(endpoints.list_endpoints, caller.tenant, surface=FLEX)
    shown = found[paging.offset : paging.offset + paging.page_size]
    return paging.of([WebhookOut.of(each) for each in shown], len(found))


@router.post("/webhooks/subscribe", operation_id="subscribeWebhook", status_code=201, responses=answers(409))
def subscribe(caller: FlexCaller, body: SubscribeIn, here: Here, request_id: RequestId, now: Now) -> SubscribedOut:
    """Have events of some types sent to an address, from now on. The secret is in this answer and never shown again."""
    try:
        client_of(here.settings, caller.tenant).vet(body.url)  # asks the name service: outside any transaction
    except Unavailable as error:
        raise Invalid("BAD_URL", error.message) from error
    made, secret = here.database.write(
        endpoints.create,
        caller.tenant,
        here.vault,
        url=body.url,
        description=body.name,
        types=body.event_types,
        who=caller.actor(request_id),
        now=now,
        surface=FLEX,
    )
    return SubscribedOut(**WebhookOut.facts(made), secret=secret)


@router.get("/webhooks/{webhook_uuid}", operation_id="getWebhook", responses=answers(404))
def get_webhook(caller: FlexCaller, webhook_uuid: UUID, db: Db) -> WebhookOut:
    """One subscription, without its secret."""
    return WebhookOut.of(db.read(endpoints.get, caller.tenant, str(webhook_uuid), surface=FLEX))


@router.delete("/webhooks/{webhook_uuid}/unsubscribe", operation_id="unsubscribeWebhook", responses=answers(404))
def unsubscribe(caller: FlexCaller, webhook_uuid: UUID, db: Db, request_id: RequestId, now: Now) -> UnsubscribedOut:
    """Remove it with its log; what waits for it is not sent."""
    who = caller.actor(request_id)
    db.write(endpoints.delete, caller.tenant, str(webhook_uuid), who=who, now=now, surface=FLEX)
    return UnsubscribedOut(uuid=webhook_uuid)


@router.post("/webhooks/{webhook_uuid}/test", operation_id="testWebhook", status_code=201, responses=answers(404, 409))
def call_for_test(
    caller: FlexCaller,
    webhook_uuid: UUID,
    body: Annotated[list[TestedType], Body(min_length=1, max_length=50, examples=[["EVENT.STARTED"]])],
    db: Db,
    request_id: RequestId,
    now: Now,
) -> list[TestOut]:
    """Send one message of each listed type to this subscription alone, whatever it subscribes to.

    The resources that they name do not exist: their UUIDs begin with 00000000.
    """
    examples = [messages.examples()[each] for each in dict.fromkeys(body)]
    sent = db.write(
        messages.tell_one, caller.tenant, str(webhook_uuid), examples, who=caller.actor(request_id), now=now
    )
    return [TestOut(type=each.type, uuid=UUID(uuid)) for each, uuid in zip(examples, sent, strict=True)]


@router.post(
    "/webhooks/{webhook_uuid}/rotate-secret",
    operation_id="rotateWebhookSecret",
    status_code=201,
    responses=answers(404),
)
def rotate_secret(
    caller: FlexCaller, webhook_uuid: UUID, here: Here, request_id: RequestId, now: Now, body: RotateIn | None = None
) -> SecretOut:
    """A new secret. For a while messages carry two signatures, separated by a comma; the new one comes first."""
    secret, until = here.database.write(
        endpoints.rotate_secret,
        caller.tenant,
        here.vault,
        str(webhook_uuid),
        who=caller.actor(request_id),
        now=now,
        surface=FLEX,
        overlap=timedelta(hours=(body or RotateIn()).overlap_hours),
    )
    return SecretOut(secret=secret, previous_valid_until=until)


@router.post("/webhooks/{webhook_uuid}/enable", operation_id="enableWebhook", status_code=201, responses=answers(404))
def enable(caller: FlexCaller, webhook_uuid: UUID, db: Db, request_id: RequestId, now: Now) -> WebhookOut:
    """Send to a broken one again: what happens from now on. A replay brings back what it missed."""
    who = caller.actor(request_id)
    changed = db.write(endpoints.enable, caller.tenant, str(webhook_uuid), who=who, now=now, surface=FLEX)
    return WebhookOut.of(changed)


@router.put("/sandbox/webhook-faults", operation_id="setWebhookFaults", responses=answers())
def set_faults(caller: FlexCaller, body: Faults, db: Db, request_id: RequestId, now: Now) -> Faults:
    """Have a sandbox lose, double or delay its webhooks, to try a receiver out; refused everywhere else."""
    wanted = FaultSettings(**body.model_dump())
    db.write(faults.set_faults, caller.tenant, wanted, who=caller.actor(request_id), now=now)
    return body


router.include_router(webhook_log.router)

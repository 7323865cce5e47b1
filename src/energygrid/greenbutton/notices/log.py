"""What a third party was told, what became of it, and telling it again: for its developers' page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.errors import Conflict
from energygrid.greenbutton.notices.addresses import endpoint_for, find_endpoint
from energygrid.messaging import events
from energygrid.messaging.events import GREENBUTTON
from energygrid.messaging.queries import data_of
from energygrid.messaging.webhooks import log
from energygrid.messaging.webhooks.queries import Attempt, Delivery


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice and its delivery; `delivery.position` is the cursor of the log."""

    id: str
    resources: tuple[str, ...]
    delivery: Delivery


def notices_to(
    db: Connection,
    party: ThirdParty,
    *,
    state: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Notice]:
    """Newest first; go on with `before` = the last position seen. Raises Conflict("NO_NOTIFY_URI")."""
    endpoint = find_endpoint(db, party)
    found = log.deliveries(db, party.tenant, endpoint.id, state=state, before=before, limit=limit, surface=GREENBUTTON)
    return _notices(db, party, found)


def notice_to(db: Connection, party: ThirdParty, notice_id: str) -> tuple[Notice, list[Attempt]]:
    """One notice with every attempt at it. Raises NotFound("UNKNOWN_DELIVERY"), Conflict("NO_NOTIFY_URI")."""
    endpoint = find_endpoint(db, party)
    found, attempts = log.delivery(db, party.tenant, endpoint.id, notice_id, surface=GREENBUTTON)
    return _notices(db, party, [found])[0], attempts


def resend(db: Connection, party: ThirdParty, notice_id: str, *, who: Actor, now: datetime) -> None:
    """Send one notice again. Raises NotFound("UNKNOWN_DELIVERY"), Conflict("NO_NOTIFY_URI" or "WEBHOOK_DISABLED")."""
    endpoint = find_endpoint(db, party)
    log.replay_one(db, party.tenant, endpoint.id, notice_id, who=who, now=now, surface=GREENBUTTON)


def resend_missed(db: Connection, party: ThirdParty, since: datetime, *, who: Actor, now: datetime) -> int:
    """Send again what was recorded since an instant and never arrived; how many notices that were. Raises as above."""
    endpoint = find_endpoint(db, party)
    return log.replay_range(
        db,
        party.tenant,
        endpoint.id,
        start=since,
        end=now,
        dead_only=True,
        who=who,
        now=now,
        surface=GREENBUTTON,
    )


def test(db: Connection, vault: Vault, party: ThirdParty, base: str, *, who: Actor, now: datetime) -> str:
    """Send a notice that names the third party's own ApplicationInformation; returns its id, found in the log.

    Raises Conflict("NO_NOTIFY_URI" or "WEBHOOK_DISABLED").
    """
    endpoint = endpoint_for(db, vault, party, now) or find_endpoint(db, party)
    if not endpoint.enabled:
        raise Conflict("WEBHOOK_DISABLED", "the notification address is disabled; set it again first")
    resources = [f"{base}/ApplicationInformation/{party.application_id}"]
    event_id = events.record(
        db,
        party.tenant.id,
        events.NOTICE_TEST,
        {"resources": resources},
        now,
        surface=GREENBUTTON,
        endpoint_id=endpoint.id,
    )
    audit.record(
        db,
        party.tenant.id,
        actor=who.name,
        action="notice.tested",
        subject=f"client/{party.client_id}",
        request_id=who.request_id,
        now=now,
        facts={"eventId": event_id},
    )
    return event_id


def _notices(db: Connection, party: ThirdParty, deliveries: Sequence[Delivery]) -> list[Notice]:
    data = data_of(db, party.tenant.id, [each.event_id for each in deliveries])
    return [Notice(each.event_id, tuple(data[each.event_id].get("resources", ())), each) for each in deliveries]

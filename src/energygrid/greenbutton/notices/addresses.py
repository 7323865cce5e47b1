"""A third party's notification address, and the webhook endpoint that stands for it.

The address is a fact of the third party; the endpoint carries the secret, the state of the deliveries and their log.
It follows the address, also where nobody said so: it is compared whenever something is to be told.
"""

from datetime import datetime

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Actor
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.third_parties import changing
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, Unavailable
from energygrid.greenbutton.notices import queries
from energygrid.messaging.events import GREENBUTTON, NOTICE_TYPES
from energygrid.messaging.webhooks import endpoints
from energygrid.messaging.webhooks.queries import Endpoint

_DESCRIPTION = "Green Button notices"


def check(client: OutgoingClient, uri: str) -> None:
    """Whether notices may go there; asks the name service, so it stands outside any transaction.

    Raises Invalid("BAD_URL" or "FORBIDDEN_ADDRESS"). The address is judged again at every delivery.
    """
    try:
        client.vet(uri)
    except Unavailable as error:
        raise Invalid("BAD_URL", error.message) from error


def set_notify_uri(
    db: Connection, vault: Vault, party: ThirdParty, uri: str | None, *, who: Actor, now: datetime
) -> tuple[ThirdParty, str | None]:
    """Where notices go from now on (None: nowhere), and the endpoint's secret when it has just been made.

    Setting it, also to what it was, makes an address that was given up work again. `check` has judged it.
    """
    changed = changing.set_notify_uri(db, party.client_id, uri, who=who, now=now)
    endpoint, secret = _follow(db, vault, changed, who, now)
    if endpoint is not None and not endpoint.enabled:
        _change(db, changed, endpoint, uri or endpoint.url, who, now, enabled=True)
    return changed, secret


def endpoint_for(db: Connection, vault: Vault, party: ThirdParty, now: datetime) -> Endpoint | None:
    """The endpoint of a third party's address as it is now; None when it has no address."""
    return _follow(db, vault, party, audit.SYSTEM, now)[0]


def find_endpoint(db: Connection, party: ThirdParty) -> Endpoint:
    """Raises Conflict("NO_NOTIFY_URI") for a third party that never had an address."""
    endpoint_id = queries.endpoint_of(db, party.tenant.id, party.client_id)
    if endpoint_id is None:
        raise Conflict("NO_NOTIFY_URI", "the third party has no notification address")
    return endpoints.get(db, party.tenant, endpoint_id, surface=GREENBUTTON)


def rotate_secret(
    db: Connection, vault: Vault, party: ThirdParty, *, who: Actor, now: datetime
) -> tuple[str, datetime]:
    """A new secret that notices are signed with, and until when they are signed with the old one too.

    Raises Conflict("NO_NOTIFY_URI").
    """
    endpoint = endpoint_for(db, vault, party, now) or find_endpoint(db, party)
    return endpoints.rotate_secret(db, party.tenant, vault, endpoint.id, who=who, now=now, surface=GREENBUTTON)


def _follow(
    db: Connection, vault: Vault, party: ThirdParty, who: Actor, now: datetime
) -> tuple[Endpoint | None, str | None]:
    endpoint_id = queries.endpoint_of(db, party.tenant.id, party.client_id)
    uri = party.notify_uri
    if endpoint_id is None:
        return (None, None) if uri is None else _make(db, vault, party, uri, who, now)
    endpoint = endpoints.get(db, party.tenant, endpoint_id, surface=GREENBUTTON)
    if uri is None:
        if endpoint.enabled:
            _change(db, party, endpoint, endpoint.url, who, now, enabled=False)
        return None, None
    if endpoint.url != uri:
        endpoint = _change(db, party, endpoint, uri, who, now, enabled=True)
    return endpoint, None


def _make(db: Connection, vault: Vault, party: ThirdParty, uri: str, who: Actor, now: datetime) -> tuple[Endpoint, str]:
    made, secret = endpoints.create(
        db,
        party.tenant,
        vault,
        url=uri,
        description=_DESCRIPTION,
        types=sorted(NOTICE_TYPES),
        who=who,
        now=now,
        surface=GREENBUTTON,
    )
    queries.insert_address(db, party.tenant.id, party.client_id, made.id)
    return made, secret


def _change(
    db: Connection, party: ThirdParty, endpoint: Endpoint, uri: str, who: Actor, now: datetime, *, enabled: bool
) -> Endpoint:
    return endpoints.change(
        db,
        party.tenant,
        endpoint.id,
        url=uri,
        description=endpoint.description,
        types=endpoint.types,
        enabled=enabled,
        who=who,
        now=now,
        surface=GREENBUTTON,
    )

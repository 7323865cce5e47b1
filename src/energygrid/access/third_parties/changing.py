"""What changes of a registered third party: what it says of itself, where notices go, and what the utility decides."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access import clients
from energygrid.access.caller import Actor
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.espi_scope import is_offered, parse_scope
from energygrid.access.third_parties import queries
from energygrid.access.third_parties.facts import (
    Facts,
    Status,
    check_name,
    check_offered_scopes,
    check_redirect_uris,
)
from energygrid.access.third_parties.third_parties import ThirdParty, changeable, find, record, stored_facts
from energygrid.errors import Conflict

_WAYS: Mapping[Status, frozenset[Status]] = {
    Status.REVIEW: frozenset({Status.LIVE, Status.ON_HOLD, Status.REVOKED}),
    Status.LIVE: frozenset({Status.REVIEW, Status.ON_HOLD, Status.REVOKED}),
    Status.ON_HOLD: frozenset({Status.REVIEW, Status.LIVE, Status.REVOKED}),
    Status.REVOKED: frozenset(),
}


def update(
    db: Connection,
    client_id: str,
    *,
    who: Actor,
    now: datetime,
    name: str | None = None,
    redirect_uris: Sequence[str] | None = None,
    offered_scopes: Sequence[str] | None = None,
    facts: Facts | None = None,
    by_itself: bool = False,
) -> ThirdParty:
    """Replace what is given; None leaves a thing as it is. Nothing is written when nothing changes.

    by_itself  the third party does it: to ask for more kinds of data than the utility let it, it is reviewed again
    Raises NotFound("UNKNOWN_THIRD_PARTY"), Conflict("THIRD_PARTY_REVOKED") and the Invalid of `register`.
    """
    before = changeable(db, client_id)
    of_client: dict[str, object] = {}
    own: dict[str, object] = {}
    if name is not None and name != before.name:
        of_client["name"] = check_name(name)
    if redirect_uris is not None and tuple(redirect_uris) != before.redirect_uris:
        of_client["redirect_uris"] = check_redirect_uris(redirect_uris, public=before.public)
    if offered_scopes is not None and tuple(offered_scopes) != before.offered_scopes:
        own["offered_scopes"] = check_offered_scopes(offered_scopes)
        more = not all(is_offered(parse_scope(each), before.offered_scopes) for each in offered_scopes)
        if by_itself and more and before.status == Status.LIVE:
            own["status"] = int(Status.REVIEW)
    if facts is not None and facts != before.facts:
        own["facts"] = stored_facts(facts)
    if not of_client and not own:
        return before
    if of_client:
        clients.change_facts(db, client_id, of_client)
    queries.update_third_party(db, client_id, own | {"changed_at": now})
    changed = sorted({*of_client, *own})
    record(db, before.tenant.id, client_id, "third_party.changed", who, now, {"changed": changed})
    return find(db, client_id)


def set_notify_uri(db: Connection, client_id: str, uri: str | None, *, who: Actor, now: datetime) -> ThirdParty:
    """Where notices go from now on. The caller has judged the address and sets up the deliveries."""
    before = changeable(db, client_id)
    if uri == before.notify_uri:
        return before
    queries.update_third_party(db, client_id, {"notify_uri": uri, "changed_at": now})
    record(db, before.tenant.id, client_id, "third_party.changed", who, now, {"changed": ["notify_uri"]})
    return find(db, client_id)


def set_status(db: Connection, client_id: str, status: Status, *, who: Actor, now: datetime) -> ThirdParty:
    """What the utility decides. On hold and revoked: no tokens, and those there are get refused.

    Its consents stay as they are; `withdraw` ends them too.
    Raises NotFound("UNKNOWN_THIRD_PARTY") and Conflict("THIRD_PARTY_REVOKED"): that is for ever.
    """
    before = changeable(db, client_id)
    if status == before.status:
        return before
    if status not in _WAYS[before.status]:
        raise Conflict("BAD_STATUS", f"{client_id} cannot go from {before.status.name} to {status.name}")
    stopped, stops = before.status == Status.ON_HOLD, status in {Status.ON_HOLD, Status.REVOKED}
    if stops and not stopped:
        clients.disable_client(db, client_id, who=who, now=now)
    elif stopped and not stops:
        clients.enable_client(db, client_id, who=who, now=now)
    queries.update_third_party(db, client_id, {"status": int(status), "changed_at": now})
    facts = {"from": int(before.status), "to": int(status)}
    record(db, before.tenant.id, client_id, "third_party.status_changed", who, now, facts)
    return find(db, client_id)


def withdraw(db: Connection, client_id: str, *, who: Actor, now: datetime) -> list[Consent]:
    """The third party leaves, or is put out for good: its consents end with it. Those that ended, oldest first."""
    party = set_status(db, client_id, Status.REVOKED, who=who, now=now)
    return consents.revoke_all(db, party.tenant.id, client_id, who=who, now=now)

"""What the utility's staff do with third parties."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from energygrid.access import audit, clients
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.access.third_parties import changing, credentials, invitations, third_parties
from energygrid.access.third_parties.facts import Facts, Status
from energygrid.access.third_parties.third_parties import Registered
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, NotFound, Unauthenticated

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def register(db: Connection, vault: Vault, tenant: Tenant, **changed: Any) -> Registered:
    said: dict[str, Any] = {
        "name": "Energy App",
        "redirect_uris": ["https://app.example/callback"],
        "offered_scopes": ["FB=4_16"],
        **changed,
    }
    return third_parties.register(db, vault, tenant, who=SYSTEM, now=NOW, **said)


@pytest.fixture
def made(db: Connection, vault: Vault, tenant: Tenant) -> Registered:
    return register(db, vault, tenant)


def test_it_is_a_client_with_ids_that_tell_nothing(db: Connection, made: Registered, tenant: Tenant):
    party = made.third_party
    assert party.status is Status.REVIEW
    assert len(party.application_id) == 16
    assert party.application_id.isdigit()
    assert len(party.client_id) <= 64
    assert third_parties.find_application(db, tenant.id, party.application_id) == party
    with pytest.raises(NotFound):
        third_parties.find_application(db, tenant.id + 1, party.application_id)
    client = clients.find_client(db, party.client_id)
    assert client is not None
    assert third_parties.is_third_party(client)
    assert client.scopes == ()


def test_a_plain_client_is_no_third_party(db: Connection, vault: Vault, tenant: Tenant):
    clients.create_client(db, vault, tenant, name="cis", scopes=["customer.sync"], client_id="cis", who=SYSTEM, now=NOW)
    assert third_parties.find_by_client(db, "cis") is None
    with pytest.raises(NotFound):
        third_parties.find(db, "cis")


def test_a_registration_token_is_good_until_it_is_replaced(db: Connection, vault: Vault, made: Registered):
    first = made.registration_token.get_secret_value()
    assert credentials.of_registration_token(db, vault, first) == made.third_party
    client_id = made.third_party.client_id
    second = credentials.rotate_registration_token(db, vault, client_id, who=SYSTEM, now=LATER).get_secret_value()
    assert credentials.of_registration_token(db, vault, second).changed_at == LATER
    for wrong in (first, "", "egr_", second.upper(), second + "x", "egr_" + "x" * 400, "egr_é"):
        with pytest.raises(Unauthenticated):
            credentials.of_registration_token(db, vault, wrong)


def test_on_hold_its_tokens_are_refused_and_live_it_works_again(db: Connection, vault: Vault, made: Registered):
    client_id = made.third_party.client_id
    for status in (Status.LIVE, Status.ON_HOLD):
        assert changing.set_status(db, client_id, status, who=SYSTEM, now=LATER).status is status
    held = clients.find_client(db, client_id)
    assert held is not None
    assert held.disabled_at == LATER
    changing.set_status(db, client_id, Status.LIVE, who=SYSTEM, now=LATER)
    back = clients.find_client(db, client_id)
    assert back is not None
    assert back.disabled_at is None
    assert not back.accepts(NOW.timestamp())
    assert back.knows(vault, made.secret.get_secret_value() if made.secret else "")


def test_revoked_is_for_ever_and_ends_its_consents(db: Connection, vault: Vault, made: Registered, tenant: Tenant):
    party = made.third_party
    given = [
        consents.give(
            db,
            tenant.id,
            client_id=party.client_id,
            customer_id=customer,
            requested_scope="FB=4",
            scope="FB=4",
            meters=["m"],
            who=SYSTEM,
            now=NOW,
        )
        for customer in ("one", "two")
    ]
    consents.revoke(db, tenant.id, given[0].id, who=SYSTEM, now=NOW)
    assert [each.id for each in changing.withdraw(db, party.client_id, who=SYSTEM, now=LATER)] == [given[1].id]
    assert not any(each.holds(LATER) for each in consents.of_client(db, tenant.id, party.client_id))
    with pytest.raises(Unauthenticated):
        credentials.of_registration_token(db, vault, made.registration_token.get_secret_value())
    for change in (
        lambda: changing.set_status(db, party.client_id, Status.LIVE, who=SYSTEM, now=LATER),
        lambda: changing.update(db, party.client_id, name="New", who=SYSTEM, now=LATER),
        lambda: credentials.rotate_secret(db, vault, party.client_id, who=SYSTEM, now=LATER),
    ):
        with pytest.raises(Conflict, match="revoked"):
            change()


def test_nothing_is_written_when_nothing_changes(db: Connection, made: Registered):
    party = made.third_party
    same = changing.update(
        db,
        party.client_id,
        name=party.name,
        redirect_uris=party.redirect_uris,
        offered_scopes=party.offered_scopes,
        facts=party.facts,
        who=SYSTEM,
        now=LATER,
    )
    assert same == party
    changed = changing.update(db, party.client_id, facts=Facts(description="new"), who=SYSTEM, now=LATER)
    assert changed == replace(party, facts=Facts(description="new"), changed_at=LATER)


def test_a_new_secret_works_beside_the_one_before(db: Connection, vault: Vault, made: Registered):
    client_id = made.third_party.client_id
    assert made.secret is not None
    shown = [made.secret] + [credentials.rotate_secret(db, vault, client_id, who=SYSTEM, now=LATER) for _ in range(2)]
    client = clients.find_client(db, client_id)
    assert client is not None
    assert [client.knows(vault, each.get_secret_value()) for each in shown] == [False, True, True]
    public = register(db, vault, client.tenant, auth_method="none").third_party
    with pytest.raises(Invalid, match="without a secret"):
        credentials.rotate_secret(db, vault, public.client_id, who=SYSTEM, now=LATER)


def test_nothing_passes_for_the_secret_of_a_public_client(db: Connection, vault: Vault, tenant: Tenant):
    made = register(db, vault, tenant, auth_method="none")
    assert made.secret is None
    client = clients.find_client(db, made.third_party.client_id)
    assert client is not None
    assert not client.knows(vault, "")
    assert made.third_party.grants == {"authorization_code", "refresh_token"}


def test_each_change_is_in_the_audit_log(db: Connection, vault: Vault, made: Registered, tenant: Tenant):
    client_id = made.third_party.client_id
    changing.set_status(db, client_id, Status.LIVE, who=SYSTEM, now=LATER)
    changing.update(db, client_id, name="New", who=SYSTEM, now=LATER)
    changing.set_notify_uri(db, client_id, "https://app.example/n", who=SYSTEM, now=LATER)
    credentials.rotate_registration_token(db, vault, client_id, who=SYSTEM, now=LATER)
    log = [entry.action for entry in audit.entries(db, tenant_id=tenant.id, subject=f"client/{client_id}")]
    assert log == [
        "client.created",
        "third_party.registered",
        "third_party.status_changed",
        "third_party.changed",
        "third_party.changed",
        "third_party.token_rotated",
    ]


def test_derived_keys_are_the_same_each_time_and_differ_by_purpose(vault: Vault):
    assert credentials.derived_secret(vault, "a", "x") == credentials.derived_secret(vault, "a", "x")
    assert credentials.derived_secret(vault, "a", "x") != credentials.derived_secret(vault, "b", "x")
    assert credentials.derived_registration_token(vault, "x").get_secret_value().startswith("egr_")


def test_an_invitation_cannot_be_made_longer_or_lead_elsewhere(vault: Vault):
    token = invitations.invite(vault, 7, timedelta(hours=1), NOW).get_secret_value()
    assert invitations.invited_to(vault, token, NOW) == 7
    assert invitations.invited_to(vault, token, NOW + timedelta(hours=2)) is None
    assert invitations.invited_to(vault, token.replace("egi_7.", "egi_8."), NOW) is None
    assert invitations.invited_to(Vault(bytes(32)), token, NOW) is None

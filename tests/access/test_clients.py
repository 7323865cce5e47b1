from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, clients
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.oauth.client_auth import network_of
from energygrid.access.trusted_hops import TrustedHops
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, Invalid, NotFound, Unauthenticated

from .conftest import NOW


def create(db: Connection, vault: Vault, tenant: Tenant, **more: object):
    facts = {"name": "CIS", "scopes": ["customer.sync"], "who": SYSTEM, "now": NOW}
    return clients.create_client(db, vault, tenant, **(facts | more))


def test_c33_ids_and_secrets_read_the_same_with_and_without_url_encoding(db, vault, tenant):
    for _ in range(20):
        client, secret = create(db, vault, tenant)
        both = client.client_id + secret.get_secret_value()
        assert set(both) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
        assert len(secret.get_secret_value()) >= 43, "256 bits"


def test_a_secret_is_kept_as_a_fingerprint_and_never_shown(db, vault, tenant):
    client, secret = create(db, vault, tenant)
    plain = secret.get_secret_value()
    assert client.knows(vault, plain)
    assert not client.knows(vault, plain + "x")
    assert not client.knows(Vault(b"y" * 32), plain)
    for shown in (repr(client), repr(secret), str(clients.list_clients(db)), str(audit.entries(db))):
        assert plain not in shown


def test_two_secrets_at_most_and_never_none(db, vault, tenant):
    client, first = create(db, vault, tenant)
    second = clients.add_secret(db, vault, client.client_id, who=SYSTEM, now=NOW + timedelta(seconds=1))
    with pytest.raises(Conflict) as caught:
        clients.add_secret(db, vault, client.client_id, who=SYSTEM, now=NOW)
    assert caught.value.code == "TOO_MANY_SECRETS"
    clients.drop_oldest_secret(db, client.client_id, who=SYSTEM, now=NOW)
    current = clients.find_client(db, client.client_id)
    assert current is not None
    assert current.knows(vault, second.get_secret_value())
    assert not current.knows(vault, first.get_secret_value())
    with pytest.raises(Conflict):
        clients.drop_oldest_secret(db, client.client_id, who=SYSTEM, now=NOW)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"scopes": ["customer.sink"]}, "UNKNOWN_SCOPE"),
        ({"grants": ["password"]}, "UNKNOWN_GRANT"),
        ({"client_id": "a b"}, "BAD_CLIENT_ID"),
        ({"client_id": "-abc"}, "BAD_CLIENT_ID"),
        ({"client_id": "abc\0"}, "BAD_CLIENT_ID"),
        ({"secret": SecretStr("short")}, "BAD_SECRET"),
        ({"secret": SecretStr("x" * 40 + "%")}, "BAD_SECRET"),
    ],
)
def test_a_client_that_breaks_a_rule_is_not_made(db, vault, tenant, wrong: dict[str, object], code: str):
    with pytest.raises(Invalid) as caught:
        create(db, vault, tenant, **wrong)
    assert caught.value.code == code


def test_client_ids_are_unique_over_all_tenants(db, vault, tenant):
    create(db, vault, tenant, client_id="cis")
    with pytest.raises(Conflict):
        create(db, vault, tenant, client_id="cis")


def test_a_client_that_does_not_exist_cannot_be_changed(db: Connection, vault: Vault):
    for change in (clients.disable_client, clients.enable_client, clients.revoke_tokens, clients.drop_oldest_secret):
        with pytest.raises(NotFound):
            change(db, "nobody", who=SYSTEM, now=NOW)


def test_every_change_of_a_client_is_in_the_audit_log(db, vault, tenant):
    client, _ = create(db, vault, tenant)
    clients.set_scopes(db, client.client_id, ["hardware.bind"], who=SYSTEM, now=NOW)
    clients.disable_client(db, client.client_id, who=SYSTEM, now=NOW)
    clients.enable_client(db, client.client_id, who=SYSTEM, now=NOW)
    actions = [entry.action for entry in audit.entries(db, subject=f"client/{client.client_id}")]
    assert actions == ["client.created", "client.scopes_changed", "client.disabled", "client.enabled"]


@given(st.ip_addresses(v=6))
def test_a_caller_holds_the_whole_64_of_an_ipv6_address(ip):
    other = ip.exploded[:19] + ":ffff:ffff:ffff:ffff"
    if ip.ipv4_mapped is None:
        assert network_of(str(ip)) == network_of(other)


def test_an_address_that_is_none_is_one_network():
    assert network_of("testclient") == network_of("") == "-"
    assert network_of("192.0.2.7") == network_of("::ffff:192.0.2.7") == "192.0.2.7"


HOPS = TrustedHops.of(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("192.0.2.7", "1.2.3.4", "192.0.2.7"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "1.2.3.4", "1.2.3.4"),
        (None, "1.2.3.4", "-"),
    ],
)
def test_a_forwarded_address_counts_from_our_own_proxies_only(peer: str | None, forwarded: str, caller: str):
    assert HOPS.caller_address(peer, {"x-forwarded-for": forwarded}) == caller


def test_a_certificate_counts_from_our_own_proxies_only():
    """RFC 9440: a structured-field byte sequence."""
    headers = {"client-cert": ":YWJj:"}
    assert HOPS.certificate("10.0.0.1", headers) == b"abc"
    assert HOPS.certificate("192.0.2.7", headers) is None
    assert HOPS.certificate("10.0.0.1", {}) is None
    for broken in ("", "YWJj", ":YWJj", ":YW-_:", "::", ":Y:", ":" + "A" * 20_000 + ":", "-----BEGIN CERTIFICATE-----"):
        with pytest.raises(Unauthenticated):
            HOPS.certificate("10.0.0.1", {"client-cert": broken})

"""Requests with a key are done once (contract 6.2)."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from energygrid.access import idempotency
from energygrid.access.caller import Tenant
from energygrid.access.idempotency import KeyedRequest, StoredAnswer, once
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import Conflict, Invalid

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def request(tenant: Tenant, key: str = "k", content: bytes = b"{}") -> KeyedRequest:
    return KeyedRequest(tenant.id, "cis", "POST", "/powerbox/customer", key, content)


class Effect:
    """Counts how often it was done."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> StoredAnswer:
        self.count += 1
        return StoredAnswer(200, {"content-type": "application/json"}, b'{"name":"Ann"}', "customer/1")


def test_a_request_is_done_once_and_answered_again(db: Connection, tenant: Tenant, vault: Vault) -> None:
    effect = Effect()
    answers = [once(db, vault, request(tenant), effect, now=NOW) for _ in range(3)]
    assert effect.count == 1
    assert [answer.replayed for answer in answers] == [False, True, True]
    assert {(answer.status, answer.body) for answer in answers} == {(200, b'{"name":"Ann"}')}


def test_callers_keys_and_paths_do_not_mix(db: Connection, tenant: Tenant, vault: Vault) -> None:
    effect = Effect()
    for one in (
        request(tenant),
        request(tenant, "K"),
        KeyedRequest(tenant.id, "other", "POST", "/powerbox/customer", "k", b"{}"),
        KeyedRequest(tenant.id, "cis", "POST", "/powerbox/bind", "k", b"{}"),
        KeyedRequest(tenant.id + 1, "cis", "POST", "/powerbox/customer", "k", b"{}"),
    ):
        once(db, vault, one, effect, now=NOW)
    assert effect.count == 5


def test_a_key_with_other_content_is_a_mismatch(db: Connection, tenant: Tenant, vault: Vault) -> None:
    once(db, vault, request(tenant), Effect(), now=NOW)
    with pytest.raises(Invalid) as caught:
        once(db, vault, request(tenant, content=b"[]"), Effect(), now=NOW)
    assert caught.value.code == "IDEMPOTENCY_MISMATCH"


def test_an_answer_lasts_as_long_as_it_is_kept(db: Connection, tenant: Tenant, vault: Vault) -> None:
    effect, day = Effect(), timedelta(hours=24)
    once(db, vault, request(tenant), effect, now=NOW)
    once(db, vault, request(tenant), effect, now=NOW + day - timedelta(seconds=1))
    assert effect.count == 1
    once(db, vault, request(tenant, content=b"[]"), effect, now=NOW + day)
    assert effect.count == 2
    assert idempotency.purge(db, NOW + day) == 0
    assert idempotency.purge(db, NOW + 2 * day) == 1


def test_answers_rest_sealed_and_can_be_forgotten(db: Connection, tenant: Tenant, vault: Vault) -> None:
    effect = Effect()
    once(db, vault, request(tenant), effect, now=NOW)
    assert "Ann" not in repr(db.execute(text("SELECT * FROM idempotency")).all())
    idempotency.forget(db, tenant.id, "customer/1")
    once(db, vault, request(tenant), effect, now=NOW)
    assert effect.count == 2


def test_what_is_rolled_back_was_never_answered(database: Database, committed_tenant: Tenant, vault: Vault) -> None:
    effect = Effect()

    def crashes(db: Connection) -> None:
        once(db, vault, request(committed_tenant), effect, now=NOW)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(crashes)
    assert not database.write(once, vault, request(committed_tenant), effect, now=NOW).replayed
    assert effect.count == 2


def test_while_the_first_is_at_it_the_second_is_told_so(
    database: Database, committed_tenant: Tenant, vault: Vault
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> StoredAnswer:
        inside.set()
        assert go_on.wait(10)
        return Effect()()

    first = threading.Thread(
        target=lambda: database.write(once, vault, request(committed_tenant), slow, now=NOW), daemon=True
    )
    first.start()
    assert inside.wait(10)
    with pytest.raises(Conflict) as caught:
        database.write(once, vault, request(committed_tenant), Effect(), now=NOW)
    assert caught.value.code == "IDEMPOTENCY_IN_FLIGHT"
    go_on.set()
    first.join()
    assert database.write(once, vault, request(committed_tenant), Effect(), now=NOW).replayed

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import Connection, text

from energygrid.access import audit, tenants, users
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.passwords import Passwords
from energygrid.access.sessions import sessions
from energygrid.access.sessions.sessions import Session
from energygrid.access.settings import AccessSettings
from energygrid.access.users import User
from energygrid.access.vault import Vault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = AccessSettings(session_idle_s=600, session_lifetime_s=3600)
PASSWORDS = Passwords(RULES, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
PASSWORD = SecretStr("correct horse battery")


@pytest.fixture
def user(db: Connection, tenant: Tenant) -> User:
    return users.create_user(
        db, PASSWORDS, tenant, "ann", password=PASSWORD, customer_id="4711", who=SYSTEM, now=NOW - timedelta(days=1)
    )


@pytest.fixture
def cookie(db: Connection, vault: Vault, user: User) -> str:
    return sessions.begin(db, vault, user, RULES, now=NOW)


def recognised(db: Connection, vault: Vault, cookie: str | None, *, after: int = 0) -> Session | None:
    return sessions.recognise(db, vault, cookie, RULES, NOW + timedelta(seconds=after))


def test_a_session_knows_its_user_and_customer(db, vault, user, cookie):
    session = recognised(db, vault, cookie)
    assert session is not None
    assert (session.user.username, session.user.customer_id, session.user.roles) == ("ann", "4711", ("customer",))
    assert session.tenant == user.tenant


def test_it_ends_when_it_lies_idle_and_at_a_fixed_age_however_much_it_is_used(db, vault, cookie):
    assert recognised(db, vault, cookie, after=600) is not None
    assert recognised(db, vault, cookie, after=601) is None
    for second in range(0, 3600, 500):
        session = recognised(db, vault, cookie, after=second)
        assert session is not None, second
        assert sessions.is_due(session, NOW + timedelta(seconds=second)) == (second > 0)
        sessions.touch(db, session, NOW + timedelta(seconds=second))
    assert recognised(db, vault, cookie, after=3599) is not None
    assert recognised(db, vault, cookie, after=3600) is None


def test_signing_out_ends_every_copy_of_the_cookie(db, vault, cookie, tenant):
    session = recognised(db, vault, cookie)
    sessions.end(db, session, request_id="r", now=NOW)
    assert recognised(db, vault, cookie) is None
    sessions.end(db, session, request_id="r", now=NOW)
    assert [entry.action for entry in audit.entries(db, actor="user/ann")] == ["user.signed_out"]


def test_a_new_password_or_a_disabled_user_ends_it(db, vault, user, cookie):
    users.disable_user(db, user.tenant, "ann", who=SYSTEM, now=NOW)
    assert recognised(db, vault, cookie) is None
    users.enable_user(db, user.tenant, "ann", who=SYSTEM, now=NOW)
    assert recognised(db, vault, cookie) is not None
    later = NOW + timedelta(seconds=1)
    users.set_password(db, PASSWORDS, user.tenant, "ann", PASSWORD, who=SYSTEM, now=later)
    assert recognised(db, vault, cookie, after=2) is None


def test_what_is_no_cookie_of_ours_is_nobody(db, vault, cookie, tenant):
    other = tenants.create_tenant(db, "other", environment="sandbox", now=NOW)
    _, secret = cookie.split(".")
    for wrong in (None, "", "x", cookie + "x", cookie[:-1] + "!", f"{other.id}.{secret}", f"{tenant.id}." + "A" * 43):
        assert recognised(db, vault, wrong) is None


def test_the_database_holds_no_secret_of_a_session(db, vault, cookie):
    sessions.keep_once(db, vault, recognised(db, vault, cookie), {"secret": "hunter2"})
    stored = str(db.execute(text("SELECT * FROM session")).all())
    assert cookie.split(".")[1] not in stored
    assert "hunter2" not in stored


def test_what_is_kept_for_the_next_page_is_shown_once(db, vault, cookie):
    session = recognised(db, vault, cookie)
    assert sessions.take_once(db, vault, session) == {}
    sessions.keep_once(db, vault, session, {"secret": "hunter2"})
    assert sessions.take_once(db, vault, session) == {"secret": "hunter2"}
    assert sessions.take_once(db, vault, session) == {}


def test_two_sessions_of_a_user_have_different_form_tokens(db, vault, user, cookie):
    second = sessions.begin(db, vault, user, RULES, now=NOW)
    tokens = {recognised(db, vault, each).form_token for each in (cookie, second)}
    assert len(tokens) == 2
    assert cookie.split(".")[1] not in tokens


def test_sessions_that_are_over_are_swept(db, vault, user, cookie):
    sessions.begin(db, vault, user, RULES, now=NOW + timedelta(seconds=601))
    assert sessions.sweep(db, RULES, NOW + timedelta(seconds=601)) == 1
    assert recognised(db, vault, cookie) is None


def test_linking_a_user_to_a_customer_gives_and_takes_the_role(db, user):
    users.link_customer(db, user.tenant, "ann", None, who=SYSTEM, now=NOW)
    without = users.find_user(db, user.tenant, "ann")
    assert (without.customer_id, without.roles) == (None, ())
    users.link_customer(db, user.tenant, "ann", "42", who=SYSTEM, now=NOW)
    assert users.find_user(db, user.tenant, "ann").customer_id == "42"

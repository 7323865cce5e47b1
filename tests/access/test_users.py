import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, tenants, users
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.passwords import Passwords
from energygrid.access.settings import AccessSettings
from energygrid.access.sign_in import SignIn
from energygrid.database.engine import Database
from energygrid.errors import Conflict, DomainError, Invalid, NotFound, Throttled, Unauthenticated

from .conftest import NOW, OneTransaction

RULES = AccessSettings()
PASSWORD = SecretStr("correct horse battery")
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(RULES, QUICK)


@pytest.fixture
def utility(db: Connection) -> Tenant:
    return tenants.create_tenant(db, "utility", environment="production", now=NOW)


@pytest.fixture
def sign_in(inside: OneTransaction, passwords: Passwords) -> SignIn:
    return SignIn(inside, passwords, RULES)


def create(db: Connection, passwords: Passwords, tenant: Tenant, username: str = "ann", **more: object) -> users.User:
    facts = {"password": PASSWORD, "roles": ["staff"], "who": SYSTEM, "now": NOW}
    return users.create_user(db, passwords, tenant, username, **(facts | more))


def try_in(sign_in: SignIn, tenant: Tenant, password: str, *, seconds: int = 0, username: str = "ann") -> object:
    """The user, or the error."""
    try:
        at = NOW + timedelta(seconds=seconds)
        return sign_in.check(tenant, username, SecretStr(password), now=at, request_id="r")
    except DomainError as error:
        return error


def test_passwords_are_argon2id_with_the_low_memory_profile_of_rfc_9106():
    assert Passwords(RULES).hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_password_is_at_least_12_characters_and_at_most_1_kib(passwords: Passwords):
    for bad in ("", "elevenchars", "x" * 1_025, "ä" * 513):
        with pytest.raises(Invalid) as caught:
            passwords.hash(SecretStr(bad))
        assert caught.value.code == "WEAK_PASSWORD"
    assert not passwords.matches(QUICK.hash("x" * 1_025), SecretStr("x" * 1_025))


def test_the_same_password_typed_on_another_keyboard_matches(passwords: Passwords):
    composed, decomposed = "caf\u00e9 caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301 cafe\u0301"
    assert passwords.matches(passwords.hash(SecretStr(composed)), SecretStr(decomposed))


@pytest.mark.parametrize("hashed", [None, "", "garbage", "$argon2id$", "$2b$12$abc"])
def test_no_password_matches_what_is_no_hash(passwords: Passwords, hashed: str | None):
    assert not passwords.matches(hashed, SecretStr("nobody's password"))


def test_only_so_many_passwords_are_hashed_at_a_time():
    class Counting(PasswordHasher):
        running, most, lock = 0, 0, threading.Lock()

        def hash(self, password, *, salt=None):  # noqa: ARG002 - the signature of the original
            with self.lock:
                Counting.running += 1
                Counting.most = max(Counting.most, Counting.running)
            try:
                return QUICK.hash(password)
            finally:
                with self.lock:
                    Counting.running -= 1

    passwords = Passwords(AccessSettings(password_hashes=2), Counting())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: passwords.hash(PASSWORD), range(40)))
    assert Counting.most <= 2


def test_a_user_signs_in_whatever_the_case_of_the_name(db, passwords, utility, sign_in):
    user = create(db, passwords, utility, "Ann@Utility.example")
    assert try_in(sign_in, utility, PASSWORD.get_secret_value(), username="ANN@utility.EXAMPLE") == user
    assert [entry.action for entry in audit.entries(db, subject="user/ann@utility.example")] == [
        "user.created",
        "user.signed_in",
    ]


def test_two_warnings_and_then_the_lock(db, passwords, utility, sign_in):
    """Failures 5 in 15 minutes, then 15 minutes of lock, even for the right password."""
    create(db, passwords, utility)
    errors = [try_in(sign_in, utility, "wrong", seconds=second) for second in range(6)]
    assert [error.facts.get("attempts_left") for error in errors[:5]] == [4, 3, 2, 1, 0]
    assert isinstance(errors[5], Throttled)
    assert isinstance(try_in(sign_in, utility, PASSWORD.get_secret_value(), seconds=800), Throttled)
    assert isinstance(try_in(sign_in, utility, PASSWORD.get_secret_value(), seconds=905), users.User)


def test_a_right_password_forgives_the_wrong_ones(db, passwords, utility, sign_in):
    create(db, passwords, utility)
    for _ in range(5):
        for _ in range(4):
            try_in(sign_in, utility, "wrong")
        assert isinstance(try_in(sign_in, utility, PASSWORD.get_secret_value()), users.User)


def test_nothing_tells_a_wrong_name_from_a_wrong_password(db, passwords, utility, sign_in):
    create(db, passwords, utility)
    create(db, passwords, utility, "bob", password=None)
    create(db, passwords, utility, "cat")
    users.disable_user(db, utility, "cat", who=SYSTEM, now=NOW)
    outcomes = [
        try_in(sign_in, utility, "wrong", username="ann"),
        try_in(sign_in, utility, "wrong", username="nobody"),
        try_in(sign_in, utility, "", username="bob"),
        try_in(sign_in, utility, PASSWORD.get_secret_value(), username="cat"),
    ]
    assert all(isinstance(outcome, Unauthenticated) for outcome in outcomes)
    assert len({(outcome.code, outcome.message, str(outcome.facts)) for outcome in outcomes}) == 1


@pytest.mark.parametrize("username", ["", " ", "a b", "a\0", "x" * 255, "\ud800", "a\n"])
def test_a_name_that_cannot_be_is_wrong_too(utility, sign_in, username: str):
    assert isinstance(try_in(sign_in, utility, "x", username=username), Unauthenticated)


def test_attempts_in_parallel_are_not_worth_more_than_attempts_in_a_row(database: Database, passwords: Passwords):
    utility = database.write(tenants.create_tenant, "utility", environment="production", now=NOW)
    database.write(create, passwords, utility)
    sign_in = SignIn(database, passwords, RULES)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: try_in(sign_in, utility, "wrong"), range(24)))
    assert sum(isinstance(outcome, Unauthenticated) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, Throttled) for outcome in outcomes) == 19


def test_an_outdated_hash_is_renewed_at_sign_in(db, utility, inside):
    create(db, Passwords(RULES, PasswordHasher(time_cost=1, memory_cost=32, parallelism=1)), utility)
    passwords = Passwords(RULES, QUICK)
    assert isinstance(try_in(SignIn(inside, passwords, RULES), utility, PASSWORD.get_secret_value()), users.User)
    renewed = users.find_user(db, utility, "ann")
    assert renewed is not None
    assert not passwords.is_outdated(renewed.password_hash)


def test_a_new_password_replaces_the_old(db, passwords, utility, sign_in):
    create(db, passwords, utility)
    new = SecretStr("staple battery horse")
    users.set_password(db, passwords, utility, "ann", new, who=SYSTEM, now=NOW)
    assert isinstance(try_in(sign_in, utility, PASSWORD.get_secret_value()), Unauthenticated)
    assert isinstance(try_in(sign_in, utility, new.get_secret_value()), users.User)


def test_users_of_two_tenants_may_share_a_name_and_see_nothing_of_each_other(db, passwords, utility, tenant, sign_in):
    create(db, passwords, utility)
    with pytest.raises(Conflict):
        create(db, passwords, utility, "ANN")
    create(db, passwords, tenant, password=SecretStr("another password"))
    assert isinstance(try_in(sign_in, tenant, PASSWORD.get_secret_value()), Unauthenticated)
    assert [user["tenant_key"] for user in users.list_users(db, utility.id)] == ["utility"]


def test_a_disabled_user_may_be_enabled_again(db, passwords, utility, sign_in):
    create(db, passwords, utility)
    users.disable_user(db, utility, "ann", who=SYSTEM, now=NOW)
    assert isinstance(try_in(sign_in, utility, PASSWORD.get_secret_value()), Unauthenticated)
    users.enable_user(db, utility, "ann", who=SYSTEM, now=NOW)
    assert isinstance(try_in(sign_in, utility, PASSWORD.get_secret_value()), users.User)


def test_what_does_not_exist_is_said_so(db, passwords, utility):
    with pytest.raises(NotFound):
        users.disable_user(db, utility, "ann", who=SYSTEM, now=NOW)
    with pytest.raises(Invalid):
        create(db, passwords, utility, roles=["king"])


def test_hashes_are_not_shown(db, passwords, utility):
    user = create(db, passwords, utility)
    for shown in (repr(user), str(users.list_users(db)), str(audit.entries(db))):
        assert "argon2" not in shown
        assert PASSWORD.get_secret_value() not in shown

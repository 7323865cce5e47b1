"""A person proves to be a user, a limited number of times.

An attempt counts before the password is looked at and is forgiven when it was right, so that attempts in parallel are
not worth more than attempts in a row. The password is checked between two transactions: a hash takes long, and no
connection waits for it.
"""

from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Connection

from energygrid.access import audit, queries, throttle
from energygrid.access.caller import Tenant
from energygrid.access.passwords import Passwords
from energygrid.access.settings import AccessSettings
from energygrid.access.throttle import FailureRule
from energygrid.access.users import User, canonical, find_user
from energygrid.database.engine import Database
from energygrid.errors import Invalid, Unauthenticated


class SignIn:
    """Checks passwords for every surface of a process."""

    def __init__(self, database: Database, passwords: Passwords, rules: AccessSettings) -> None:
        self._database = database
        self._passwords = passwords
        self._rules = rules

    def check(self, tenant: Tenant, username: str, password: SecretStr, *, now: datetime, request_id: str) -> User:
        """The user, when name and password are right.

        Raises Unauthenticated("WRONG_PASSWORD") with the fact `attempts_left`, whether or not there is such a user, and
        Throttled("LOCKED").
        """
        try:
            name = canonical(username)
        except Invalid as error:
            raise Unauthenticated("WRONG_PASSWORD", "wrong user name or password", attempts_left=0) from error
        left, user = self._database.write(_count, tenant, name, self._rule(tenant), now)
        right = self._passwords.matches(user.password_hash if user else None, password)
        if user is None or not right or user.disabled_at is not None:
            self._database.write(_record, tenant, name, "user.sign_in_failed", request_id, now)
            raise Unauthenticated("WRONG_PASSWORD", "wrong user name or password", attempts_left=left)
        renewed = self._passwords.hash(password) if self._passwords.is_outdated(user.password_hash) else None
        self._database.write(_succeed, user, renewed, request_id, now)
        return user

    def _rule(self, tenant: Tenant) -> FailureRule:
        rules = self._rules
        count = rules.sandbox_failures if tenant.environment == "sandbox" else rules.failures
        return FailureRule(count, timedelta(seconds=rules.failure_window_s), timedelta(seconds=rules.lock_s))


def _count(db: Connection, tenant: Tenant, name: str, rule: FailureRule, now: datetime) -> tuple[int, User | None]:
    return throttle.fail(db, _key(tenant, name), rule, now), find_user(db, tenant, name)


def _succeed(db: Connection, user: User, renewed: str | None, request_id: str, now: datetime) -> None:
    throttle.forgive(db, _key(user.tenant, user.username))
    if renewed is not None:
        queries.update_user(db, user.tenant.id, user.id, {"password_hash": renewed})
    _record(db, user.tenant, user.username, "user.signed_in", request_id, now)


def _record(db: Connection, tenant: Tenant, name: str, action: str, request_id: str, now: datetime) -> None:
    subject = f"user/{name}"
    audit.record(db, tenant.id, actor=subject, action=action, subject=subject, request_id=request_id, now=now)


def _key(tenant: Tenant, name: str) -> str:
    return f"user {tenant.id} {name}"

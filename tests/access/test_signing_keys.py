"""Rotation of signing keys: contracts/powerbox.md 5.4."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from energygrid.access import audit, clients, tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.key_ring import KeyRing
from energygrid.access.settings import AccessSettings
from energygrid.access.signing_keys import ensure_keys, load_keys, rotate, rotate_when_due, states, withdraw
from energygrid.access.token_check import TokenChecker
from energygrid.access.tokens import issue
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.errors import Conflict, Invalid, NotFound
from energygrid.settings import Settings

from .conftest import NOW, OneTransaction

RULES = AccessSettings()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def by_state(db: Connection, now: datetime) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kid, state in states(load_keys(db), now, HOUR).items():
        found.setdefault(state, []).append(kid)
    return found


def test_the_first_key_signs_at_once_and_the_next_is_published_with_it(db: Connection, vault: Vault):
    keys = ensure_keys(db, vault, NOW)
    assert [states(keys, NOW, HOUR)[key.kid] for key in keys] == ["signing", "next"]
    assert ensure_keys(db, vault, NOW) == keys


def test_a_key_is_published_a_day_before_it_signs_and_stays_until_its_last_token_and_an_hour(db, vault):
    first, second = (key.kid for key in ensure_keys(db, vault, NOW))
    chosen = rotate(db, vault, RULES, who=SYSTEM, now=NOW + HOUR)
    assert (chosen.kid, chosen.signs_from) == (second, NOW + DAY)

    before = by_state(db, NOW + DAY - timedelta(seconds=1))
    assert before["signing"] == [first]
    assert second in before["next"]
    after = by_state(db, NOW + DAY)
    assert (after["signing"], after["retiring"]) == ([second], [first])
    assert by_state(db, NOW + DAY + 2 * HOUR - timedelta(seconds=1))["retiring"] == [first]
    assert by_state(db, NOW + DAY + 2 * HOUR)["retired"] == [first]
    assert len(after["next"]) == 1


def test_a_rotation_waits_for_the_one_before(db: Connection, vault: Vault):
    rotate(db, vault, RULES, who=SYSTEM, now=NOW)
    with pytest.raises(Conflict) as caught:
        rotate(db, vault, RULES, who=SYSTEM, now=NOW + HOUR)
    assert caught.value.code == "ROTATION_PENDING"
    rotate(db, vault, RULES, who=SYSTEM, now=NOW + DAY)


def test_a_key_published_long_ago_signs_at_once(db: Connection, vault: Vault):
    ensure_keys(db, vault, NOW)
    assert rotate(db, vault, RULES, who=SYSTEM, now=NOW + 2 * DAY).signs_from == NOW + 2 * DAY


def test_a_stolen_key_is_out_at_once_and_the_next_signs(db: Connection, vault: Vault):
    first, second = (key.kid for key in ensure_keys(db, vault, NOW))
    withdraw(db, vault, first, who=SYSTEM, now=NOW + HOUR)
    found = by_state(db, NOW + HOUR)
    assert (found["withdrawn"], found["signing"], len(found["next"])) == ([first], [second], 1)
    with pytest.raises(NotFound):
        withdraw(db, vault, first, who=SYSTEM, now=NOW + HOUR)


def test_withdrawing_the_next_key_publishes_another(db: Connection, vault: Vault):
    first, second = (key.kid for key in ensure_keys(db, vault, NOW))
    withdraw(db, vault, second, who=SYSTEM, now=NOW)
    found = by_state(db, NOW)
    assert (found["withdrawn"], found["signing"], len(found["next"])) == ([second], [first], 1)


def test_a_stolen_key_during_a_rotation_leaves_one_that_signs(db: Connection, vault: Vault):
    first, second = (key.kid for key in ensure_keys(db, vault, NOW))
    rotate(db, vault, RULES, who=SYSTEM, now=NOW)
    withdraw(db, vault, first, who=SYSTEM, now=NOW + HOUR)
    assert by_state(db, NOW + HOUR)["signing"] == [second]


def test_scheduled_work_rotates_every_90_days_and_drops_what_is_retired(db: Connection, vault: Vault):
    (first, _) = (key.kid for key in ensure_keys(db, vault, NOW))
    assert not rotate_when_due(db, vault, RULES, NOW + 89 * DAY)
    assert rotate_when_due(db, vault, RULES, NOW + 90 * DAY)
    assert not rotate_when_due(db, vault, RULES, NOW + 90 * DAY)
    assert by_state(db, NOW + 90 * DAY)["retiring"] == [first]
    rotate_when_due(db, vault, RULES, NOW + 91 * DAY)
    assert first not in {key.kid for key in load_keys(db)}


def test_private_keys_are_sealed_and_never_shown(db: Connection, vault: Vault):
    key = ensure_keys(db, vault, NOW)[0]
    assert b"PRIVATE" not in key.sealed
    assert "sealed" not in repr(key)
    assert "d" not in key.public
    with pytest.raises(Invalid):
        key.private(Vault(b"x" * 32))
    assert key.private(vault).as_dict(private=False)["x"] == key.public["x"]


def test_rotations_are_in_the_audit_log(db: Connection, vault: Vault):
    chosen = rotate(db, vault, RULES, who=SYSTEM, now=NOW)
    withdraw(db, vault, chosen.kid, who=SYSTEM, now=NOW)
    entries = audit.entries(db, subject=f"key/{chosen.kid}")
    assert [entry.action for entry in entries] == ["key.rotated", "key.withdrawn"]


def test_many_processes_that_start_together_make_one_pair(database: Database, vault: Vault):
    rings = [KeyRing(database, vault, RULES) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        kids = set(pool.map(lambda ring: ring.signing(NOW)[0], rings))
    assert len(kids) == 1
    assert len(database.read(load_keys)) == 2


def test_the_key_set_holds_public_keys_only(inside: OneTransaction, vault: Vault):
    keys = KeyRing(inside, vault, RULES).key_set(NOW)["keys"]
    assert len(keys) >= 2
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_a_key_ring_asks_the_database_once_a_minute_however_many_kids_are_forged(inside: OneTransaction, vault: Vault):
    ring = KeyRing(inside, vault, RULES)
    ring.signing(NOW)
    inside.reads = 0
    for number in range(1_000):
        assert ring.verifying(f"forged-{number}", NOW + timedelta(seconds=number * 0.059)) is None
    assert inside.reads <= 12


def test_no_token_fails_while_keys_rotate_under_traffic(database: Database, settings: Settings, vault: Vault):
    """Two processes issue and check while a third rotates twice a day over two weeks of virtual time."""
    tenant = database.write(tenants.create_tenant, "t", environment="sandbox", now=NOW)
    database.write(
        clients.create_client, vault, tenant, name="n", scopes=["customer.sync"], client_id="cis", who=SYSTEM, now=NOW
    )
    checkers = [TokenChecker(database, settings, vault) for _ in range(2)]
    steps = [NOW + timedelta(hours=12) * number for number in range(30)]
    together = threading.Barrier(3, timeout=30)
    signers: set[str] = set()

    def one_token(issuing: TokenChecker, checking: TokenChecker, now: datetime) -> None:
        token = issue(
            issuing.authority,
            tenant="t",
            client_id="cis",
            subject="cis",
            scopes=["customer.sync"],
            lifetime=HOUR,
            now=now,
        ).token
        signers.add(issuing.authority.keys.signing(now)[0])
        checking.check(token, now)
        checking.forget()
        checking.check(token, now + timedelta(minutes=59))

    def traffic(issuing: TokenChecker, checking: TokenChecker) -> None:
        try:
            for now in steps:
                together.wait()
                for _ in range(3):
                    one_token(issuing, checking, now)
        except BaseException:
            together.abort()
            raise

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(traffic, checkers[0], checkers[1]), pool.submit(traffic, checkers[1], checkers[0])]
        for now in steps:
            with suppress(threading.BrokenBarrierError):
                together.wait()
            database.write(_rotate_if_possible, vault, now)
        for run in running:
            run.result()
    assert len(signers) > 10


def _rotate_if_possible(db: Connection, vault: Vault, now: datetime) -> None:
    try:
        rotate(db, vault, RULES, who=SYSTEM, now=now)
    except Conflict:
        return

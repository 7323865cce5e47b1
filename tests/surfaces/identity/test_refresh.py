"""Refresh tokens: replaced at each use, with grace for lost answers, none for thieves (RFC 9700 section 4.14.2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from energygrid.access import audit
from energygrid.access.audit import SYSTEM
from energygrid.access.consents import consents
from energygrid.access.housekeeping import sweep
from energygrid.access.settings import AccessSettings
from energygrid.access.tenants import set_section

from .dance import SCOPE, Dance, register


def test_each_refresh_answers_new_tokens_with_the_same_scope_and_addresses(dance: Dance):
    first = dance.tokens()
    second = dance.refresh(first["refresh_token"])
    assert second.status_code == 200
    same = ("scope", "resourceURI", "customerResourceURI", "authorizationURI", "token_type")
    assert {name: second.json()[name] for name in same} == {name: first[name] for name in same}
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert second.json()["access_token"] != first["access_token"]


def test_the_old_access_token_lives_on_until_it_expires(dance: Dance):
    """OAD013 was withdrawn: clients may still be using it."""
    first = dance.tokens()
    dance.refresh(first["refresh_token"])
    assert dance.introspect(first["access_token"])["active"]


def test_an_answer_that_got_lost_costs_nothing(dance: Dance):
    token = dance.tokens()["refresh_token"]
    lost = dance.refresh(token).json()["refresh_token"]
    again = dance.refresh(token)
    assert again.status_code == 200
    assert dance.refresh(again.json()["refresh_token"]).status_code == 200
    assert dance.refresh(lost).status_code == 400


def test_the_old_token_is_dead_once_the_new_one_was_used_and_showing_it_ends_the_family(dance: Dance):
    first = dance.tokens()
    second = dance.refresh(first["refresh_token"]).json()
    third = dance.refresh(second["refresh_token"]).json()
    stolen = dance.refresh(first["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert dance.refresh(third["refresh_token"]).status_code == 400
    assert dance.introspect(third["access_token"]) == {"active": False}
    actions = [each.action for each in dance.services.database.read(audit.entries, tenant_id=dance.tenant.id)]
    assert "refresh_token.used_again" in actions


@pytest.mark.parametrize("scope", [None, SCOPE])
def test_the_scope_may_be_left_out_or_repeated(dance: Dance, scope: str | None):
    token = dance.tokens()["refresh_token"]
    assert dance.refresh(token, **({"scope": scope} if scope else {})).json()["scope"] == SCOPE


@pytest.mark.parametrize(
    "scope", ["FB=4", SCOPE + ";x=1", "FB=51_16_4;IntervalDuration=900_3600;HistoryLength=63072000"]
)
def test_another_scope_is_refused_and_the_token_stays_good(dance: Dance, scope: str):
    token = dance.tokens()["refresh_token"]
    answer = dance.refresh(token, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert dance.refresh(token).status_code == 200


def test_another_third_partys_token_is_not_known(dance: Dance):
    token = dance.tokens()["refresh_token"]
    thief = replace(dance, made=register(dance.services, dance.tenant, name="Thief"))
    assert thief.refresh(token).json()["error"] == "invalid_grant"
    assert thief.introspect(token) == {"active": False}
    thief.http.post("/oauth/revoke", data={"token": token}, auth=thief.auth)
    assert dance.refresh(token).status_code == 200


@pytest.mark.parametrize("as_403", [False, True])
def test_a_revoked_authorization_refreshes_no_more(dance: Dance, as_403: bool):
    if as_403:
        values = {"revoked_refresh_is_403": True}
        dance.services.database.write(set_section, dance.tenant, "sharing", values, who=SYSTEM, now=datetime.now(UTC))
    body = dance.tokens()
    consent = body["authorizationURI"].rpartition("/")[2]
    dance.services.database.write(consents.revoke, dance.tenant.id, consent, who=SYSTEM, now=datetime.now(UTC))
    answer = dance.refresh(body["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (403 if as_403 else 400, "invalid_grant")
    assert dance.introspect(body["refresh_token"]) == {"active": False}
    assert dance.introspect(body["access_token"]) == {"active": False}


def test_a_token_that_nobody_uses_expires_and_each_use_begins_the_year_anew(dance: Dance):
    token = dance.tokens()["refresh_token"]
    shown = dance.introspect(token)
    assert shown["exp"] - shown["iat"] == 365 * 86_400
    back = text("UPDATE refresh_token SET created_at = created_at - :by, expires_at = expires_at - :by")
    dance.services.database.write(lambda db: db.execute(back, {"by": timedelta(days=364)}))
    newer = dance.refresh(token).json()["refresh_token"]
    dance.services.database.write(lambda db: db.execute(back, {"by": timedelta(days=2)}))
    assert dance.refresh(token).json()["error"] == "invalid_grant"
    assert dance.refresh(newer).status_code == 200


def test_revoking_a_refresh_token_ends_its_family_and_access_tokens(dance: Dance):
    first = dance.tokens()
    second = dance.refresh(first["refresh_token"]).json()
    answer = dance.http.post("/oauth/revoke", data={"token": second["refresh_token"]}, auth=dance.auth)
    assert answer.status_code == 200
    for token in (first["refresh_token"], second["refresh_token"]):
        assert dance.refresh(token).status_code == 400
    for token in (first["access_token"], second["access_token"]):
        assert dance.introspect(token) == {"active": False}


def test_revoking_an_access_token_leaves_the_rest(dance: Dance):
    body = dance.tokens()
    assert dance.http.post("/oauth/revoke", data={"token": body["access_token"]}, auth=dance.auth).status_code == 200
    assert dance.introspect(body["access_token"]) == {"active": False}
    assert dance.refresh(body["refresh_token"]).status_code == 200


def test_introspection_tells_what_a_refresh_token_is_good_for(dance: Dance):
    body = dance.tokens()
    shown = dance.introspect(body["refresh_token"])
    assert shown["active"]
    assert (shown["scope"], shown["client_id"]) == (SCOPE, dance.client_id)
    assert shown["authorization"] == body["authorizationURI"].rpartition("/")[2]
    access = dance.introspect(body["access_token"])
    assert (access["espi"], access["authorization"]) == ("access", shown["authorization"])


def test_lost_answers_do_not_pile_up(dance: Dance):
    token = dance.tokens()["refresh_token"]
    given = [dance.refresh(token).json()["refresh_token"] for _ in range(15)]
    count = text("SELECT count(*) FROM refresh_token")
    assert dance.services.database.read(lambda db: db.execute(count).scalar_one()) <= 12
    assert dance.refresh(given[0]).status_code == 400
    assert dance.refresh(given[-1]).status_code == 200


def test_the_sweep_forgets_what_has_expired(dance: Dance):
    services = dance.services
    dance.tokens()
    later = datetime.now(UTC) + timedelta(days=400)
    services.database.write(sweep, services.vault, AccessSettings(), now=later, issues_tokens=False)
    for table in ("authorization_request", "authorization_code", "refresh_token"):
        rows = services.database.read(lambda db, t=table: db.execute(text(f"SELECT 1 FROM {t}")).all())
        assert rows == []


def test_whatever_a_client_and_a_thief_do_two_lines_of_descent_never_both_live(dance: Dance):
    """The law of rotation: tokens of two branches cannot both be refreshed, each after its own, for ever."""

    class Family(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.known = [dance.tokens()["refresh_token"]]
            self.parent: dict[str, str] = {}
            self.used: set[str] = set()
            self.dead = False

        @rule(pick=st.integers(min_value=0, max_value=50))
        def show(self, pick: int) -> None:
            token = self.known[pick % len(self.known)]
            replaced = any(each in self.used for each, parent in self.parent.items() if parent == token)
            siblings = [each for each, parent in self.parent.items() if parent == self.parent.get(token)]
            passed_over = token in self.parent and token not in self.used and bool(self.used & set(siblings))
            ancestor_gone = self._ancestor_replaced(token)
            answer = dance.refresh(token)
            good = not (self.dead or replaced or passed_over or ancestor_gone)
            assert (answer.status_code == 200) == good
            if good:
                self.used.add(token)
                new = answer.json()["refresh_token"]
                self.known.append(new)
                self.parent[new] = token
            else:
                self.dead = True

        def _ancestor_replaced(self, token: str) -> bool:
            """Whether some ancestor's other branch was taken."""
            while token in self.parent:
                parent = self.parent[token]
                others = [each for each, of in self.parent.items() if of == parent and each != token]
                if any(each in self.used for each in others):
                    return True
                token = parent
            return False

        @invariant()
        def newest_of_a_living_family_is_alive(self) -> None:
            if not self.dead:
                assert dance.introspect(self.known[-1])["active"]

    bounds = settings(
        max_examples=15,
        stateful_step_count=8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Family, settings=bounds)

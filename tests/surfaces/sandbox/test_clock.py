"""A sandbox tenant's virtual clock (contract 3.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from tests.flexibility.events.conftest import Stage

from energygrid.access import clients
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Actor, Tenant
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.database.engine import Database
from energygrid.devices import requests
from energygrid.devices.binding import State
from energygrid.devices.parties import Party
from energygrid.devices.queries import get_bind
from energygrid.devices.requests import DeviceAsked
from energygrid.flexibility.events.events import find as find_event
from energygrid.flexibility.events.lifecycle import Status
from energygrid.settings import Settings
from energygrid.surfaces.common.deps import Services
from energygrid.surfaces.identity.app import create_app as create_identity
from energygrid.surfaces.sandbox import create_app

SECRET = "correct-horse_battery-staple-0123456789"


@dataclass(frozen=True)
class Sandbox:
    http: TestClient
    database: Database
    tenant: Tenant

    def advance(self, seconds: float) -> dict[str, object]:
        answer = self.http.post("/clock", json={"advanceSeconds": seconds})
        assert answer.status_code == 200, answer.text
        document: dict[str, object] = answer.json()
        return document


@pytest.fixture
def sandbox(database: Database, committed_tenant: Tenant, settings: Settings, vault: Vault) -> Sandbox:
    database.write(
        clients.create_client,
        vault,
        committed_tenant,
        name="cis",
        scopes=["hardware.bind"],
        client_id="cis",
        secret=SecretStr(SECRET),
        who=SYSTEM,
        now=datetime.now(UTC),
    )
    services = Services(database, settings, vault, TokenChecker(database, settings, vault))
    granted = TestClient(create_identity(services)).post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=("cis", SECRET)
    )
    http = TestClient(create_app(services), raise_server_exceptions=False)
    http.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
    return Sandbox(http, database, committed_tenant)


def test_the_clock_runs_ahead_by_what_it_was_advanced(sandbox: Sandbox) -> None:
    assert sandbox.http.get("/clock").json()["offsetSeconds"] == 0
    sandbox.advance(900)
    assert sandbox.advance(100)["offsetSeconds"] == 1000
    shown = datetime.fromisoformat(sandbox.http.get("/clock").json()["now"])
    assert timedelta(seconds=999) < shown - datetime.now(UTC) <= timedelta(seconds=1000)


def test_binds_have_moved_on_when_the_answer_comes(sandbox: Sandbox, vault: Vault) -> None:
    party, device = Party("c1", "m1"), DeviceAsked("AA:BB:CC:DD:EE:01", "83FED3407A932B70")
    now, who = datetime.now(UTC), Actor("cis", "r")
    bind = sandbox.database.write(requests.bind_device, vault, sandbox.tenant, who, party, device, now).bind
    assert bind is not None
    sandbox.advance(15 * 60)
    found = sandbox.database.read(get_bind, sandbox.tenant.id, bind.bind_id)
    assert found is not None
    assert found.state is State.PAIRED


def test_flexibility_events_start_and_end_by_jobs_right_after(sandbox: Sandbox, run_jobs: Callable[[], None]) -> None:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    with sandbox.database.transaction() as db:
        stage = Stage(db, sandbox.tenant)
        portfolio = stage.portfolio()
        stage.assets(1, portfolio=portfolio)
        event = stage.event(portfolio, now=datetime.now(UTC), starts_at=start, ends_at=start + timedelta(hours=1))
    for seconds, before, after in (
        ((start - datetime.now(UTC)).total_seconds() + 60, Status.SCHEDULED, Status.STARTED),
        (3600, Status.STARTED, Status.ENDED),
    ):
        sandbox.advance(seconds)
        assert sandbox.database.read(find_event, sandbox.tenant, event.uuid).status is before
        run_jobs()
        assert sandbox.database.read(find_event, sandbox.tenant, event.uuid).status is after


@pytest.mark.parametrize("body", [{}, {"advanceSeconds": -1}, {"advanceSeconds": "60"}, {"advanceSeconds": 1e12}, []])
def test_a_bad_advance_is_refused(sandbox: Sandbox, body: object) -> None:
    answer = sandbox.http.post("/clock", json=body)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_PAYLOAD")


def test_a_century_is_as_far_as_the_clock_goes(sandbox: Sandbox) -> None:
    for _ in range(100):
        sandbox.advance(366 * 86_400)
    answer = sandbox.http.post("/clock", json={"advanceSeconds": 1})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "CLOCK_TOO_FAR")


def test_without_a_token_nothing_moves(sandbox: Sandbox) -> None:
    for token in ("", "Bearer nonsense"):
        answer = sandbox.http.post("/clock", json={"advanceSeconds": 1}, headers={"Authorization": token})
        assert (answer.status_code, answer.json()["errorCode"]) == (401, "INVALID_TOKEN")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert sandbox.http.get("/clock").json()["offsetSeconds"] == 0


def test_unknown_paths_and_methods_have_this_surfaces_errors(sandbox: Sandbox) -> None:
    assert sandbox.http.get("/nothing").json()["errorCode"] == "NOT_FOUND"
    answer = sandbox.http.delete("/clock")
    assert (answer.status_code, answer.json()["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert "Allow" in answer.headers

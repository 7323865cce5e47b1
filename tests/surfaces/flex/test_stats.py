"""What became of an event, over HTTP, with jobs done by a real worker."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text
from tests.flexibility.runs.conftest import EVENT_DAY, FIRST_DAY, STARTS, kwh
from typer.testing import CliRunner

from energygrid.cli import app as command_line
from energygrid.flexibility import runs
from energygrid.flexibility.events.queries import events as event_queries
from energygrid.flexibility.events.tables import flex_event, flex_event_asset

from .conftest import Flex

STAT_FIELDS = {
    "energySaved": str,
    "participatedAssetCount": int,
    "incentive": float,
    "earnings": float,
    "optInCount": int,
    "optOutCount": int,
    "state": str,
    "processedStatsAssetsCount": int,
    "pendingStatsAssetsCount": int,
    "expiredStatsAssetsCount": int,
    "highUsageCount": str,
}
"""What the known client reads, and nothing else: it refuses members that it does not know."""
ASSET_FIELDS = {
    "energyForecasted",
    "energyConsumed",
    "energySaved",
    "energyExportForecasted",
    "energyExportDelivered",
    "energyForecastedStatic",
}


@dataclass
class Settled:
    flex: Flex
    event: UUID
    assets: list[str]

    def get(self, path: str, **params: Any) -> Any:
        return self.flex.get(f"/api/v1/events/{self.event}/{path}", params=params)


def send(flex: Flex, asset: str, days: list[date]) -> None:
    records = [
        {
            "assetUUID": asset,
            "timestamp": int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) + 1800 * slot,
            "value": kwh(d, slot),
        }
        for d in days
        for slot in range(48)
    ]
    answer = flex.post("/api/v1/energy-consumption", json=records)
    assert (answer.status_code, answer.json()["rejectedCount"]) == (201, 0)


def _clock_of_jobs(flex: Flex) -> None:
    """Debounced jobs are due at once."""
    with flex.database.transaction() as db:
        db.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE task_name = 'flexibility.restate'"))


@pytest.fixture
def settled(flex: Flex, make_assets: Callable[..., list[str]], run_jobs: Callable[[], None]) -> Settled:
    """Two assets with baselines published; one has sent its event day, the other has not."""
    assets = sorted(make_assets(2))
    history = [FIRST_DAY + timedelta(days=number) for number in range((EVENT_DAY - FIRST_DAY).days)]
    for asset in assets:
        send(flex, asset, history)
    send(flex, assets[0], [EVENT_DAY])
    uuid, tenant = uuid4(), flex.tenant
    values = {"name": "peak", "type": "TURN_DOWN", "status": "SCHEDULED", "starts_at": STARTS}
    values |= {"ends_at": STARTS + timedelta(hours=1), "opt_in_required": True, "incentive": "2.25"}
    values |= {
        "incentive_type": "PER_KWH",
        "currency": "GBP",
        "eligibility": {},
        "terms": {"deadlineDays": 3650},
        "stats_state": "NONE",
    }
    values |= {"baselines_revision": 0, "stats_revision": 0, "created_at": STARTS, "updated_at": STARTS}
    now = datetime.now(UTC)
    with flex.database.transaction() as db:
        db.execute(insert(flex_event).values(tenant_id=tenant.id, uuid=uuid, **values))
        about = {"tenant_id": tenant.id, "event_uuid": uuid, "state": "OPT_IN", "changed_at": STARTS}
        db.execute(insert(flex_event_asset), [about | {"asset_uuid": UUID(each)} for each in assets])
        found = event_queries.event(db, tenant.id, uuid)
        assert found is not None
        runs.start(db, tenant, found, now)
        ended = event_queries.change_event(db, tenant.id, uuid, {"status": "ENDED", "stats_state": "PENDING"})
        runs.start(db, tenant, ended, now)
    run_jobs()
    return Settled(flex, uuid, assets)


def test_stats_have_the_members_and_types_that_the_client_reads(settled: Settled) -> None:
    found = settled.get("stats").json()
    assert {name: type(value) for name, value in found.items()} == STAT_FIELDS
    assert (found["state"], found["processedStatsAssetsCount"], found["pendingStatsAssetsCount"]) == ("READY", 1, 1)
    assert (found["energySaved"], found["earnings"], found["optInCount"]) == ("0.339200", 0.76, 2)


def test_stats_of_assets_are_texts_and_hold_what_was_published_before(settled: Settled) -> None:
    page = settled.get("assets/stats", pageSize=200).json()
    first, second = page["items"]
    assert page["pagination"]["totalItems"] == 2
    assert set(first) == ASSET_FIELDS | {"asset", "state"}
    assert first["asset"] == {"uuid": settled.assets[0]}
    assert all(isinstance(first[name], str) for name in ASSET_FIELDS)
    assert (first["energyConsumed"], first["state"], second["state"]) == ("0.860000", "PROCESSED", "PENDING")
    assert (second["energyConsumed"], second["energySaved"]) == ("0.000000", "0.000000")


def test_baselines_are_what_the_client_reads(settled: Settled) -> None:
    page = settled.get("baselines", pageSize=1).json()
    (item,) = page["items"]
    assert set(item) == {"value", "method", "asset"}
    assert (item["method"], item["asset"]["uuid"], page["pagination"]["totalItems"]) == ("BL01", settled.assets[0], 2)
    assert item["value"] == settled.get("assets/stats").json()["items"][0]["energyForecastedStatic"]


def test_late_readings_make_a_new_revision_and_the_old_one_can_be_asked_for(
    settled: Settled, run_jobs: Callable[[], None]
) -> None:
    before = datetime.now(UTC)
    send(settled.flex, settled.assets[1], [EVENT_DAY])
    _clock_of_jobs(settled.flex)
    run_jobs()
    now = settled.get("stats").json()
    then = settled.get("stats", asOf=before.isoformat()).json()
    assert (now["processedStatsAssetsCount"], then["processedStatsAssetsCount"]) == (2, 1)
    assert (now["energySaved"], then["energySaved"]) == ("0.678400", "0.339200")
    states = [each["state"] for each in settled.get("assets/stats", asOf=before.isoformat()).json()["items"]]
    assert states == ["PROCESSED", "PENDING"]
    settlements = settled.get("settlements").json()
    assert [each["revision"] for each in settlements] == [2, 1]
    assert settlements[0]["methods"][0]["sumOfAssets"] == {"kwh": "0.678400", "amount": "1.52"}


def test_controls_are_compared_with_and_late_ones_settle_the_others_anew(
    settled: Settled, run_jobs: Callable[[], None]
) -> None:
    """Controls have the same meters as the called asset: they use the 12 % of the day more too, and turn down alike."""
    how = '{"ruleSets": ["CONTROL_GROUP"], "controlShare": 0.5, "deadlineDays": 3650}'
    with settled.flex.database.transaction() as db:
        db.execute(text("UPDATE flex_event SET terms = CAST(:terms AS jsonb)"), {"terms": how})
        drawn = (
            "UPDATE flex_event_asset SET state = 'INELIGIBLE', reason = 'CONTROL_GROUP: drawn' WHERE asset_uuid = :one"
        )
        db.execute(text(drawn), {"one": settled.assets[1]})
        event = event_queries.event(db, settled.flex.tenant.id, settled.event)
        assert event is not None
        runs.start(db, settled.flex.tenant, event, datetime.now(UTC))
    run_jobs()
    assert settled.get("stats").json()["pendingStatsAssetsCount"] == 1
    send(settled.flex, settled.assets[1], [EVENT_DAY])
    _clock_of_jobs(settled.flex)
    run_jobs()
    after, before, _ = settled.get("settlements").json()
    groups = [each["methods"][0]["controlGroup"] for each in (after, before)]
    assert [(each["controls"], each["waiting"], each["valid"]) for each in groups] == [(1, 0, False), (0, 1, False)]
    assert (groups[0]["bias"], groups[0]["distance"], groups[1]["bias"]) == (0.0, 0.0, None)
    (item,) = settled.get("assets/stats").json()["items"]
    assert (item["energyForecasted"], item["energySaved"], item["state"]) == ("0.860000", "0.000000", "PROCESSED")
    (told,) = settled.get(f"assets/{settled.assets[0]}/explain").json()
    assert told["controlGroup"]["validity"]["controls"] == 1


def test_a_figure_is_explained(settled: Settled) -> None:
    (found,) = settled.get(f"assets/{settled.assets[0]}/explain").json()
    reasons = {each["day"]: each["reason"] for each in found["flows"]["import"]["considered"][0]["days"]}
    assert reasons["2026-01-14"] == "PICKED"
    assert found["deliveredKwh"] == "0.339200"
    assert len(found["sha256"]) == 64


def test_everything_of_another_tenants_event_is_unknown(settled: Settled) -> None:
    other = settled.flex.of_tenant("stranger")
    paths = ["stats", "assets/stats", "baselines", "settlements", f"assets/{settled.assets[0]}/explain"]
    for path in paths:
        assert other.get(f"/api/v1/events/{settled.event}/{path}").status_code == 404, path
        assert other.get(f"/api/events/{settled.event}/{path}").status_code == 404, path


def test_the_command_line_verifies_and_finds_what_was_tampered_with(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settled.flex.services.settings
    monkeypatch.setenv("ENERGYGRID_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", "00" * 32)
    url = settled.flex.database.url.render_as_string(hide_password=False)
    arguments = ["flex", "verify", "--tenant", settled.flex.tenant.key, "--event", str(settled.event)]
    sound = CliRunner().invoke(command_line, [*arguments, "--database-url", url])
    assert sound.exit_code == 0, (sound.output, sound.exception)
    assert sound.output.count("every one holds") == 2
    with settled.flex.database.transaction() as db:
        db.execute(text("UPDATE flex_statement SET amount = 99 WHERE kind = 'SETTLEMENT' AND state = 'PROCESSED'"))
    found = CliRunner().invoke(command_line, [*arguments, "--database-url", url])
    assert (found.exit_code, settled.assets[0] in found.output) == (1, True)


def test_the_doctor_names_a_settlement_that_stands_still_and_it_is_begun_again(
    settled: Settled, monkeypatch: pytest.MonkeyPatch, run_jobs: Callable[[], None]
) -> None:
    monkeypatch.setenv("ENERGYGRID_DATA_DIR", str(settled.flex.services.settings.data_dir))
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", "00" * 32)
    url = settled.flex.database.url.render_as_string(hide_password=False)
    with settled.flex.database.transaction() as db:
        stuck = "SET state = 'CALCULATING', totals = NULL, head = NULL, started_at = started_at - interval '2 hours'"
        db.execute(text(f"UPDATE flex_run {stuck} WHERE kind = 'SETTLEMENT'"))
    said = CliRunner().invoke(command_line, ["doctor", "--database-url", url, "--json"])
    (run,) = [each for each in json.loads(said.stdout) if each["name"] == "run"]
    assert (run["state"], f"event {settled.event}: SETTLEMENT is CALCULATING" in run["found"]) == ("warning", True)
    asked = ["flex", "recompute", "--tenant", settled.flex.tenant.key, "--event", str(settled.event)]
    assert " ".join(asked) in run["remedy"]
    assert CliRunner().invoke(command_line, [*asked, "--database-url", url]).exit_code == 0
    logged = "SELECT actor, subject FROM audit_log WHERE action = 'event.recomputed'"
    assert settled.flex.database.read(lambda db: db.execute(text(logged)).all()) == [
        ("command line", f"event/{settled.event}")
    ]
    run_jobs()
    again = CliRunner().invoke(command_line, [*asked, "--database-url", url])
    assert getattr(again.exception, "code", None) == "NOT_CALCULATING"
    assert settled.get("stats").json()["energySaved"] == "0.339200"
    assert [each["revision"] for each in settled.get("settlements").json()] == [2]

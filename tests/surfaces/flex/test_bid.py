"""Events whose assets were sold together to the system operator. contracts/flexibility.md 2.6, NESO's payment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.surfaces.flex.test_events import create, stamp
from typer.testing import CliRunner

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.cli import app as command_line
from energygrid.flexibility.events import clock
from energygrid.flexibility.runs import verifying

from .conftest import Flex

BID = {"mw": "30", "pricePerMWh": "300"}
BASELINE = 10_000
"""kWh of each of two assets in a half-hour: together 20 MWh, of 15 that were sold."""

Settle = Callable[..., dict[str, Any]]


@pytest.fixture
def settle(flex: Flex, make_assets: Callable[..., list[str]], run_jobs: Callable[[], None]) -> Settle:
    """An event as two assets delivered these MWh in each half-hour, from its making to its stats, over HTTP.

    Of `silent` assets no readings come.
    """
    assets = make_assets(2)
    portfolio = flex.post("/api/v1/portfolios", json={"name": "unit"}).json()["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=assets)

    def made(*delivered_mwh: float, silent: int = 0, **terms: Any) -> dict[str, Any]:
        now = tenants.tenant_now(flex.database.read(tenants.get_tenant, flex.tenant.id), datetime.now(UTC))
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        end = start + len(delivered_mwh) * timedelta(minutes=30)
        asked = {"ruleSets": ["FIXED", "ZERO"], "fixedKwh": [BASELINE] * len(delivered_mwh), "bid": BID} | terms
        event = create(
            flex,
            portfolioUUIDs=[portfolio],
            status="SCHEDULED",
            optInRequired=False,
            startDateTime=stamp(start),
            endDateTime=stamp(end),
            terms=asked,
        )
        records = [
            {"assetUUID": asset, "timestamp": int(start.timestamp()) + 1800 * at, "value": BASELINE - mwh * 500}
            for asset in assets[silent:]
            for at, mwh in enumerate(delivered_mwh)
        ]
        answer = flex.post("/api/v1/energy-consumption", json=records)
        assert answer.json()["rejectedCount"] == 0, answer.text
        with flex.database.transaction() as db:
            tenant = tenants.get_tenant(db, flex.tenant.id)
            tenants.advance_clock(db, tenant, end - now, who=SYSTEM, now=datetime.now(UTC))
        with flex.database.transaction() as db:
            clock.sweep(db, datetime.now(UTC))
        run_jobs()
        return event | {"stats": flex.get(f"/api/v1/events/{event['uuid']}/stats").json()}

    return made


def test_the_worked_sums_of_30_megawatts_at_300_pounds(settle: Settle, flex: Flex) -> None:
    event = settle(15, 12, 6, 3, 20, -3, floor="NET")
    stats = event["stats"]
    assert (stats["state"], stats["energySaved"], "poorDelivery" in stats) == ("READY", "53000.000000", False)
    paid = stats["bidPayment"]
    assert (paid["mw"], paid["pricePerMWh"], paid["amount"]) == ("30", "300", "13950.00")
    lines = [(each["deliveredMWh"], each["rv"], each["k"], each["amount"]) for each in paid["halfHours"]]
    assert lines == [
        ("15", "100", "1", "4500.00"),
        ("12", "80", "0.8", "3600.00"),
        ("6", "40", "0.3", "1350.00"),
        ("3", "20", "0", "0.00"),
        ("18", "120", "1.2", "5400.00"),
        ("-3", "-20", "-0.2", "-900.00"),
    ]
    assert paid["halfHours"][0]["start"] == event["startDateTime"]
    (settled,) = flex.get(f"/api/v1/events/{event['uuid']}/settlements").json()
    fixed, zero = settled["methods"]
    assert fixed["bidPayment"] == paid
    assert (fixed["sumOfAssets"]["kwh"], fixed["atPortfolio"]["kwh"]) == ("53000.000000", "51000.000000")
    assert zero["bidPayment"]["halfHours"][0]["k"] == "-0.333334"
    with flex.database.transaction() as db:
        assert [each.faults for each in verifying.verify(db, flex.tenant, event["uuid"])] == [(), ()]
        path = "{FIXED,atPortfolio,bidPayment,amount}"
        raised = f"SET totals = jsonb_set(totals, '{path}', '\"13951.00\"') WHERE kind = 'SETTLEMENT'"
        db.execute(text(f"UPDATE flex_run {raised}"))
        (fault,) = verifying.verify(db, flex.tenant, event["uuid"])[1].faults
    assert (fault.method, "totals" in fault.what) == ("FIXED", True)


def test_poor_delivery_over_several_events_is_told(settle: Settle, flex: Flex, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = settle(7, 7, 7, 7, 7, silent=1)["stats"]
    assert (waiting["pendingStatsAssetsCount"], "poorDelivery" in waiting) == (1, False)
    first, second, third = settle(7, 15, 7), settle(7, 7), settle(7)
    assert ["poorDelivery" in each["stats"] for each in (first, second, third)] == [False, False, False]
    fourth = settle(7.4, 15)
    assert "5 times in a row" in fourth["stats"]["poorDelivery"]
    monkeypatch.setenv("ENERGYGRID_DATA_DIR", str(flex.services.settings.data_dir))
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", "00" * 32)
    url = flex.database.url.render_as_string(hide_password=False)
    said = CliRunner().invoke(command_line, ["doctor", "--database-url", url]).output
    assert "supplier: K was below 0.5 5 times in a row" in " ".join(said.split())


@pytest.mark.parametrize(
    ("bid", "said"),
    [
        ({"mw": "0.09", "pricePerMWh": 300}, "terms.bid.mw: Input should be greater than or equal to 0.1"),
        ({"mw": 100.5, "pricePerMWh": 300}, "terms.bid.mw: Input should be less than or equal to 100"),
        ({"mw": 30, "pricePerMWh": "300.5"}, "terms.bid.pricePerMWh: Input should be a multiple of 1"),
        ({"mw": 30, "pricePerMWh": "much"}, "terms.bid.pricePerMWh: Input should be a valid decimal"),
        ({"mw": 30}, "terms.bid.pricePerMWh: Field required"),
    ],
)
def test_a_bid_outside_the_rules_is_refused(flex: Flex, bid: dict[str, Any], said: str) -> None:
    refused = flex.post(
        "/api/v1/events",
        json={
            "name": "peak",
            "type": "TURN_DOWN",
            "startDateTime": "2031-07-02T16:00:00Z",
            "endDateTime": "2031-07-02T17:00:00Z",
            "terms": {"bid": bid},
        },
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_EVENT")
    assert refused.json()["message"] == [said]

"""Each list by its pages, as the known client reads: on until `currentPage` is no longer below `totalPages`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, text

from energygrid.flexibility.events import clock
from energygrid.flexibility.runs.tables import flex_nomination

from .conftest import Flex
from .known_client import KnownClient
from .test_assets import body as asset_body
from .test_events import create as create_event
from .test_events import scheduled
from .test_schemes import make as make_scheme
from .test_schemes import opt

COUNT = 3
"""Of each thing in a list: by twos an uneven last page, by ones as many pages."""
DAYS = 12


@pytest.fixture
def client(flex: Flex) -> KnownClient:
    return KnownClient(flex.http, flex.key, str(flex.tenant_uuid))


@pytest.fixture
def filled(flex: Flex, run_jobs: Callable[[], None]) -> dict[str, str]:
    """Three of everything; the ids to ask lists for."""
    scheme = make_scheme(flex)
    assets = [
        flex.post("/api/v1/assets", json=asset_body(f"meter-{number}", userId=f"user-{number}")).json()["uuid"]
        for number in range(COUNT)
    ]
    portfolio, *_ = [flex.post("/api/v1/portfolios", json={"name": f"P{n}"}).json()["uuid"] for n in range(COUNT)]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=assets)
    opt(flex, scheme, "OPT_IN", *assets)  # and three consents
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    times = [int(day.timestamp()) + 1800 * slot for slot in range(48 * DAYS)]
    sent = [{"assetUUID": uuid, "timestamp": at, "value": 0.5} for uuid in assets for at in times]
    assert flex.post("/api/v1/energy-consumption", json=sent).json()["accepted"] == len(sent)
    events = [scheduled(flex, portfolio, optInRequired=False)["uuid"], *(create_event(flex)["uuid"] for _ in "23")]
    subscription = {"url": "http://127.0.0.1:9/", "eventTypes": ["EVENT.ENDED"]}
    webhook, *_ = [
        flex.post("/api/v1/webhooks/subscribe", json=subscription | {"name": f"W{n}"}).json()["uuid"]
        for n in range(COUNT)
    ]
    flex.post(f"/api/v1/webhooks/{webhook}/test", json=["EVENT.STARTED", "EVENT.ENDED", "EVENT.CANCELLED"])
    run_jobs()
    with flex.database.transaction() as db:  # as if that had been four days ago: the event is over
        for end in ("starts_at", "ends_at"):
            db.execute(text(f"UPDATE flex_event SET {end} = {end} - interval '4 days'"))
        for uuid in assets:  # past the deadline of an event that has ended, and of another rule set
            nomination = insert(flex_nomination).values(
                tenant_id=flex.tenant.id, event_uuid=events[0], asset_uuid=uuid, revision=1, micro_kwh=[500_000]
            )
            db.execute(nomination.values(starts_at=day, filed_at=day))
        clock.sweep(db, datetime.now(UTC))
    run_jobs()
    return {
        "asset_uuid": assets[0],
        "portfolio_uuid": portfolio,
        "scheme_uuid": scheme,
        "event_uuid": events[0],
        "webhook_uuid": webhook,
    }


def lists(flex: Flex) -> dict[str, str]:
    """Paths of all lists that have pages, by their operation."""
    paths = flex.http.get("/openapi.json").json()["paths"]
    return {
        operation["operationId"]: path
        for path, methods in paths.items()
        for operation in methods.values()
        if "pageSize" in {each["name"] for each in operation.get("parameters", [])}
    }


def read(client: KnownClient, path: str, chunk: int) -> list[list[dict[str, Any]]]:
    return list(client.pages(path, chunk))


def test_the_pages_of_every_list_hold_each_item_once_in_one_order(
    flex: Flex, client: KnownClient, filled: dict[str, str]
) -> None:
    for name, template in lists(flex).items():
        path = template.format(**filled)
        (whole,) = read(client, path, 1000)
        assert len(whole) >= COUNT, f"{name}: {whole}"
        assert all(whole.count(each) == 1 for each in whole), name
        for chunk in (2, max(1, len(whole) - 1), len(whole)):
            pages = read(client, path, chunk)
            assert [each for page in pages for each in page] == whole, f"{name} by {chunk}"
            assert [len(page) for page in pages[:-1]] == [chunk] * (len(pages) - 1), name


def test_pagination_adds_up_on_every_page(flex: Flex, filled: dict[str, str]) -> None:
    for name, template in lists(flex).items():
        path = template.format(**filled)
        for page in (1, 2, 1_000_000):
            body = flex.get(path, params={"page": page, "pageSize": 2}).json()
            told = body["pagination"]
            pages = -(-told["totalItems"] // 2)
            assert told == {
                "totalItems": told["totalItems"],
                "itemCount": len(body["items"]),
                "itemsPerPage": 2,
                "totalPages": pages,
                "currentPage": page,
                "hasMore": page < pages,
            }, name
            assert len(body["items"]) == max(0, min(2, told["totalItems"] - 2 * (page - 1))), name


def test_a_list_of_nothing_is_read_once(flex: Flex, client: KnownClient) -> None:
    for name, template in lists(flex).items():
        if "{" not in template:
            assert read(client, template, 10) == [[]], name


@pytest.mark.parametrize("query", ["page=0", "pageSize=0", "pageSize=1001", "page=one", "page=10000000000"])
def test_a_page_that_cannot_be_is_refused(flex: Flex, query: str) -> None:
    for name, template in lists(flex).items():
        path = re.sub(r"\{\w+\}", str(uuid4()), template)
        answer = flex.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_PAYLOAD"), name

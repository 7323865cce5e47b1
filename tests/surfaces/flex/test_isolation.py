"""What is another tenant's answers, byte for byte, as what there is not, and nothing of it changes.

Tried at every operation of the OpenAPI document, with every id in its path, its query and its body. An operation that
is new has no case until its body stands in BODIES and its ids in KINDS: it fails until then.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text

from .conftest import Flex
from .test_assets import body as asset_body
from .test_events import body as event_body
from .test_events import create as create_event
from .test_events import scheduled, words
from .test_schemes import make as make_scheme

Ids = dict[str, str]
"""One id of each kind."""
KINDS = {
    "asset_uuid": "asset",
    "assetUUID": "asset",
    "assetUUIDs": "asset",
    "portfolio_uuid": "portfolio",
    "portfolioUUID": "portfolio",
    "portfolioUUIDs": "portfolio",
    "scheme_uuid": "scheme",
    "schemeUUID": "scheme",
    "eventSchemeUUID": "scheme",
    "event_uuid": "event",
    "eventUUID": "event",
    "consent_uuid": "consent",
    "webhook_uuid": "webhook",
    "message_uuid": "message",
    "waitFor": "ingest",
}
"""Of the names of ids in paths, queries and bodies."""
VALUES: Ids = {"timestamp": "1767225600"}
"""Of parameters in paths that are no ids."""
QUERIES: dict[str, list[dict[str, str]]] = {
    "replayWebhook": [{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}],
    "createEvent": [{}, {"dryRun": "true"}],
    "createAssets": [{}, {"allOrNothing": "true"}],
    "listAssetBaselines": [{"start_ts": "1767225600", "end_ts": "1767229200"}],
}
"""Other parameters that an operation needs, or that have it do something else: it is tried with each of them."""
RECORD = {"timestamp": 1767225600, "value": 0.5}
BODIES: dict[str, list[Any]] = {
    "createUser": [{"userId": "bert"}],
    "createAsset": [asset_body("meter-2", eventSchemeUUID="<scheme>")],
    "createAssets": [{"assets": [asset_body("meter-3", eventSchemeUUID="<scheme>")]}],
    "changeAsset": [{"name": "mine now"}],
    "createEnergyConsumption": [[{"assetUUID": "<asset>"} | RECORD]],
    "createAssetEnergyConsumption": [[RECORD]],
    "createPortfolio": [{"name": "South"}],
    "changePortfolio": [{"name": "mine now"}],
    "assignPortfolioAssets": [["<asset>"], {"assetUUIDs": ["<asset>"]}],
    "removePortfolioAssets": [["<asset>"], {"assetUUIDs": ["<asset>"]}],
    "optAssetsIntoScheme": [words("OPT_IN", "<asset>"), words("OPT_OUT", "<asset>")],
    "optAssetsOutOfSchemes": [{"assetUUIDs": ["<asset>"]}],
    "giveConsent": [
        {"userId": "anna", "scope": "METER_DATA", "assetUUID": "<asset>"},
        {"userId": "anna", "scope": "SCHEME", "assetUUID": "<asset>", "schemeUUID": "<scheme>"},
        {"userId": "anna", "scope": "EVENT", "assetUUID": "<asset>", "eventUUID": "<event>"},
    ],
    "createEvent": [
        event_body(portfolioUUIDs=["<portfolio>"]),
        event_body(schemeUUID="<scheme>", status="SCHEDULED"),
    ],
    "changeEvent": [{"name": "mine now"}, {"schemeUUID": "<scheme>"}],
    "assignEventPortfolios": [["<portfolio>"]],
    "nominate": [{"curves": [{"assetUUID": "<asset>", "values": ["0.5", "0.5"]}]}],
    "optAssetsIntoEvent": [words("OPT_IN", "<asset>"), words("OPT_OUT", "<asset>")],
    "subscribeWebhook": [{"name": "b", "url": "http://127.0.0.1:9/b", "eventTypes": ["EVENT.ENDED"]}],
    "testWebhook": [["EVENT.STARTED"]],
    "rotateWebhookSecret": [{"overlapHours": 0}],
    "setWebhookFaults": [{}],
}
"""Of operations that have one, with the kind of each id in place of the id."""
PART_ONLY = {"createEnergyConsumption": "rejected", "createAssets": "failed"}
"""Operations that do what they can, with the member that lists what they could not."""


@dataclass(frozen=True)
class Request:
    """One call, with the kinds of ids in it."""

    operation: str
    method: str
    path: str
    kinds: frozenset[str] = frozenset()
    given: dict[str, str] | None = None
    query: tuple[str, str] | None = None
    body: Any = None

    def send(self, flex: Flex, ids: Ids) -> Any:
        path = re.sub(r"\{(\w+)\}", lambda found: VALUES.get(found[1]) or ids[KINDS[found[1]]], self.path)
        query = (self.given or {}) | ({} if self.query is None else {self.query[0]: ids[self.query[1]]})
        return flex.call(
            self.method, path, params=query, **({} if self.body is None else {"json": filled(self.body, ids)})
        )


def belongings(flex: Flex) -> Ids:
    """A resource of each kind. What webhooks are told is theirs when jobs have run."""
    asset = flex.post("/api/v1/assets", json=asset_body("meter-1")).json()["uuid"]
    portfolio = flex.post("/api/v1/portfolios", json={"name": "North"}).json()["uuid"]
    assert flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[asset]).status_code == 201
    subscription = {"name": "ours", "url": "http://127.0.0.1:9/", "eventTypes": ["EVENT.ENDED"]}
    webhook = flex.post("/api/v1/webhooks/subscribe", json=subscription).json()["uuid"]
    consent = {"userId": "anna", "assetUUID": asset, "scope": "METER_DATA"}
    return {
        "asset": asset,
        "portfolio": portfolio,
        "scheme": make_scheme(flex),
        "event": scheduled(flex, portfolio)["uuid"],
        "draft": create_event(flex)["uuid"],
        "consent": flex.post("/api/v1/consents", json=consent).json()["uuid"],
        "webhook": webhook,
        "message": flex.post(f"/api/v1/webhooks/{webhook}/test", json=["EVENT.ENDED"]).json()[0]["uuid"],
        "ingest": flex.post("/api/v1/energy-consumption", json=[{"assetUUID": asset} | RECORD]).json()["ingestId"],
    }


@pytest.fixture
def other(flex: Flex) -> Flex:
    return flex.of_tenant("rival")


def requests(document: dict[str, Any]) -> Iterator[Request]:
    """Each operation with each of its bodies, and once more with each id that its query may have."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            in_path = [each for each in re.findall(r"\{(\w+)\}", path) if each not in VALUES]
            plain = Request(name, method.upper(), path, frozenset(KINDS[each] for each in in_path))
            bodies = BODIES[name] if "requestBody" in operation else [None]
            assert said_of(document, operation) == kinds_in(bodies), f"{name}: an id of its body has no case"
            for body, given in product(bodies, QUERIES.get(name, [{}])):
                yield replace(plain, body=body, given=given, kinds=plain.kinds | kinds_in(body))
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and "uuid" in json.dumps(parameter["schema"]):
                    kind = KINDS[parameter["name"]]
                    yield replace(plain, query=(parameter["name"], kind), kinds=plain.kinds | {kind})


def said_of(document: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    """Kinds of the ids that a request's schema and example name; bare arrays by their example."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if operation["operationId"] == "createAssets":  # each of its assets is read as createAsset's
        return said_of(document, document["paths"]["/api/v1/assets"]["post"])
    pending, members = [content.get("schema", {})], ""
    while pending:
        shown = json.dumps(pending.pop())
        members += shown
        pending += [document["components"]["schemas"][name] for name in re.findall(r'schemas/(\w+)"', shown)]
    named = {KINDS[name] for name in re.findall(r'"(\w+UUIDs?)": {', members)}
    unnamed = re.search(r'"items": {[^{}]*"format": "uuid"', json.dumps(content.get("schema", {})))
    return named | ({"portfolio" if "Portfolios" in operation["operationId"] else "asset"} if unnamed else set())


def kinds_in(body: Any) -> set[str]:
    return set(re.findall(r"<(\w+)>", json.dumps(body)))


def filled(body: Any, ids: Ids) -> Any:
    return json.loads(re.sub(r"<(\w+)>", lambda found: ids[found[1]], json.dumps(body)))


def strangers(request: Request) -> Iterator[tuple[str, ...]]:
    """Every choice of ids to take from somebody else, of one id at least."""
    for count in range(1, len(request.kinds) + 1):
        yield from combinations(sorted(request.kinds), count)


def told(answer: Any, ids: Ids) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers, with nothing in them that the caller sent or that is of this call alone."""
    body = re.sub(r'"(requestId|ingestId)":"[^"]*"', r'"\1":""', answer.text)
    for kind, uuid in ids.items():
        body = body.replace(uuid, f"<{kind}>")
    headers = {name: value for name, value in answer.headers.items() if not name.startswith("x-ratelimit")}
    return answer.status_code, body, headers


def own_for(request: Request, ids: Ids) -> Ids:
    """Only a draft may change its scheme."""
    return ids | {"event": ids["draft"]} if request.operation == "changeEvent" else ids


def rows(flex: Flex) -> dict[str, list[str]]:
    """All that is stored of a tenant, by table."""

    def read(db: Connection) -> dict[str, list[str]]:
        tables = db.execute(
            text(
                "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p')"
                " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
            )
        ).scalars()
        select = "SELECT to_jsonb(t)::text FROM {} t WHERE tenant_id = :tenant ORDER BY 1"
        return {
            table: list(db.execute(text(select.format(table)), {"tenant": flex.tenant.id}).scalars())
            for table in tables.all()
        }

    return flex.database.read(read)


def test_what_is_another_tenants_is_as_if_it_were_not_there(
    flex: Flex, other: Flex, run_jobs: Callable[[], None]
) -> None:
    own, theirs = belongings(flex), belongings(other)
    run_jobs()
    absent = {kind: str(uuid4()) for kind in own}
    before = rows(other)
    assert {table for table, stored in before.items() if stored} >= {"flex_asset", "flex_event", "flex_consent"}
    wrong, tried = [], 0
    for request in requests(flex.http.get("/openapi.json").json()):
        for chosen in strangers(request):
            mine = own_for(request, own)
            asked = [mine | {kind: source[kind] for kind in chosen} for source in (theirs, absent)]
            answers = [request.send(flex, ids) for ids in asked]
            tried += 1
            if told(answers[0], asked[0]) != told(answers[1], asked[1]):
                wrong.append(f"{request.operation} {chosen}: {answers[0].text} is not {answers[1].text}")
            if not refused(request, answers[0]):
                wrong.append(f"{request.operation} {chosen}: {answers[0].status_code} {answers[0].text}")
    assert wrong == []
    assert rows(other) == before
    assert tried > 60


def refused(request: Request, answer: Any) -> bool:
    if request.operation in PART_ONLY and answer.status_code == 201:
        return len(answer.json()[PART_ONLY[request.operation]]) == 1
    if request.query and answer.status_code == 200:  # a filter that nothing matches
        return bool(answer.json()["items"] == [])
    return answer.status_code == 404 or answer.json().get("code") == "NOTHING_CREATED"


def test_the_same_requests_with_ones_own_ids_find_what_they_name(
    flex: Flex, other: Flex, run_jobs: Callable[[], None]
) -> None:
    """So it is the tenant that the refusals are for; and no answer has anything of another tenant in it."""
    own, theirs = belongings(flex), belongings(other)
    run_jobs()
    order = ("GET", "PUT", "PATCH", "POST", "DELETE")
    asked = sorted(requests(flex.http.get("/openapi.json").json()), key=lambda each: order.index(each.method))
    for request in asked:
        answer = request.send(flex, own_for(request, own))
        if (
            answer.status_code == 404 and answer.json()["code"] == "NO_BASELINE"
        ):  # the asset is found: it has no readings
            continue
        assert answer.status_code != 404, f"{request.operation}: {answer.text}"
        assert request.method != "GET" or answer.status_code == 200, f"{request.operation}: {answer.text}"
        assert not [kind for kind, uuid in theirs.items() if uuid in answer.text], request.operation

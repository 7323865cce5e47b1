"""Green Button feeds over HTTP, beside formatting the same text in memory and building it as an element tree."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from lxml import etree
from pydantic import SecretStr

from bench.figures import Figure, peak_mb, processor_seconds, resident_mb, seconds, show
from bench.ingest import ZONE
from bench.installation import Installation
from bench.requests import requests_per_second
from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.access.oauth.espi_tokens import issue_access_token
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.greenbutton.atom import ATOM, USAGE, xml_entry, xml_feed_head
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.feed import Feed, Item, subscription_feed, xml
from energygrid.greenbutton.sandbox import THIRD_PARTY
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.run_xml import xml_run
from energygrid.greenbutton.usage.runs import IntervalRun
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import ensure_series
from energygrid.metering.store import write_readings
from energygrid.services import Services, open_services
from energygrid.settings import Settings

METERS = 100
_CUSTOMER = "GB-BENCH"
_START = int(datetime(2025, 1, 1, 5, tzinfo=UTC).timestamp())
_READINGS = 365 * 96
_PIECE = 1 << 20


@dataclass(frozen=True)
class Shared:
    """One consent: where its batch is, with which token, and the same feed in this process."""

    path: str
    headers: dict[str, str]
    feed: Feed


def run(running: Installation, meters: int, _: int) -> None:
    with _services(running) as services:
        tenant = services.database.read(tenants.find_tenant, "sandbox")
        names = _fill(services, tenant)
        one, many = (_share(services, tenant, some) for some in (names[:1], names))
        _show_one(running, one, meters)
        _show_many(running, many)


@contextmanager
def _services(running: Installation) -> Iterator[Services]:
    base = f"http://127.0.0.1:{running.port}"
    settings = Settings(data_dir=running.folder, environment="sandbox", public_url=base, embedded_idp=True)
    with open_services(settings) as services:
        yield services


def _fill(services: Services, tenant: Tenant) -> list[str]:
    """A customer with METERS meters, each with a year of quarter hours; a second time nothing is written."""
    database, now = services.database, datetime.now(UTC)
    names = [f"GB{number:06d}" for number in range(METERS)]
    rules = {"requests_per_second": 1e6, "burst": 1_000_000}
    database.write(tenants.set_section, tenant, "greenbutton", rules, who=SYSTEM, now=now)
    facts = {"meterType": "Electric", "unitOfMeasure": "kWh", "isAMI": True, "rateCode": "RES1", "billingCycleId": 1}
    site = {"externalSiteId": "GB-P", "postalCode": "48067", "meters": [{"meterId": name, **facts} for name in names]}
    payload = {"clientId": _CUSTOMER, "AcctStatus": "A", "customerSites": [site]}
    checked = check_payload(payload, tenant.section("customers", CustomerSettings))
    since = datetime(2024, 1, 1, tzinfo=UTC)
    database.write(push_customer, tenant, checked, vault=services.vault, who=SYSTEM, now=since)
    keys = [SeriesKey(name, Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 900) for name in names]
    zones = dict.fromkeys(names, ZONE)
    series = database.write(ensure_series, tenant.id, keys, zones=zones, offsets=[0] * len(keys), now=now)
    start = _START + np.arange(_READINGS, dtype=np.int64) * 900
    for number, each in enumerate(series):
        batch = ReadingBatch(
            series=[each.key],
            index=np.zeros(_READINGS, np.int32),
            start=start,
            value=np.round(np.random.default_rng(number).gamma(2, 0.12, _READINGS), 3),
            quality=np.full(_READINGS, Quality.ACTUAL, np.uint8),
            row=np.arange(_READINGS),
        )
        database.write(write_readings, [each], batch, known_at=now)
    return names


def _share(services: Services, tenant: Tenant, meters: list[str]) -> Shared:
    database, now, scope = services.database, datetime.now(UTC), "FB=4_5_15_16"
    consent = database.write(
        consents.give,
        tenant.id,
        client_id=THIRD_PARTY,
        customer_id=_CUSTOMER,
        requested_scope=scope,
        scope=scope,
        meters=meters,
        who=SYSTEM,
        now=now,
    )
    authority = services.tokens.authority
    issued = issue_access_token(authority, tenant=tenant.key, consent=consent, lifetime=timedelta(hours=1), now=now)
    token = SecretStr(issued.token)
    base = services.settings.resource_url
    path = f"/Batch/Subscription/{consent.id}"
    ctx = Context(services.vault, base, database.read(entitlement_of, services.vault, tenant, consent), now)
    feed = subscription_feed(database, ctx, href=base + path)
    headers = {"Authorization": f"Bearer {token.get_secret_value()}", "Accept-Encoding": "identity"}
    return Shared(base.partition("://")[2].partition("/")[2] + path, headers, feed)


def fetch(port: int, path: str, headers: dict[str, str]) -> tuple[int, float]:
    """Bytes of an answer, and seconds until the first of them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        began = time.perf_counter()
        connection.request("GET", f"/{path}", headers=headers)
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{path}: {answer.status} {answer.read()[:500]!r}")
        size, first = len(answer.read(1)), time.perf_counter() - began
        while piece := answer.read(_PIECE):
            size += len(piece)
    finally:
        connection.close()
    return size, first


def _show_one(running: Installation, shared: Shared, meters: int) -> None:
    items = list(shared.feed.entries())
    get = partial(fetch, running.port, shared.path, shared.headers)
    size = get()[0]
    over_http, read_and_format = seconds(get, runs=15), seconds(lambda: _drain(shared.feed), runs=15)
    in_memory, tree = seconds(lambda: _formatted(items), runs=15), seconds(lambda: _tree(items), runs=3)
    entry = next(item for item in items if not isinstance(item, IntervalRun))
    path = "/" + entry.href.partition("://")[2].partition("/")[2]
    rate = requests_per_second(running.port, path, shared.headers)
    health = requests_per_second(running.port, "/v1/powerbox/healthz", {"Authorization": f"Bearer {running.token}"})
    by_memory, by_tree = "formatting the same text in memory", "building the same text as a tree with lxml"
    time_of = partial(Figure, unit="ms", more_is_better=False)
    rate_of = partial(Figure, unit="MB/s")
    show(
        f"Green Button: a meter-year of quarter hours, {size / 1e6:.1f} MB, {meters:,} other meters",
        [
            time_of("batch over HTTP", over_http * 1e3, in_memory * 1e3, limit_is=by_memory, aim="< 25"),
            time_of("the same", over_http * 1e3, tree * 1e3, limit_is=by_tree),
            rate_of("the same", size / over_http / 1e6, size / in_memory / 1e6, limit_is=by_memory),
            time_of(
                "read and formatted in process", read_and_format * 1e3, in_memory * 1e3, limit_is=by_memory, aim="< 12"
            ),
            rate_of("formatting", size / in_memory / 1e6, size / tree / 1e6, limit_is=by_tree),
            Figure("a usage point", rate, health, "requests/s", "health with a token"),
        ],
    )


def _show_many(running: Installation, shared: Shared) -> None:
    processes, server = running.children(), running.process.pid
    before, used = {pid: resident_mb(pid) for pid in processes}, processor_seconds(server)
    began = time.perf_counter()
    size, first = fetch(running.port, shared.path, shared.headers)
    streamed = time.perf_counter() - began
    used = processor_seconds(server) - used
    grown = max(peak_mb(pid) - before[pid] for pid in processes)
    began, own = time.perf_counter(), time.process_time()
    _drain(shared.feed)
    in_process, own = time.perf_counter() - began, time.process_time() - own
    here = "the same feed in this process, no HTTP"
    show(
        f"Green Button: {METERS} meters, a year each, streamed: {size / 1e6:,.0f} MB",
        [
            Figure("over HTTP", size / streamed / 1e6, size / in_process / 1e6, "MB/s", here),
            Figure("over HTTP, a core of the server", size / used / 1e6, size / own / 1e6, "MB/s", here, ">= 300"),
            Figure("first byte", first * 1e3, 50, "ms", "what may be", "< 50", more_is_better=False),
            Figure("memory of the server grew by", grown, 50, "MB", "what may be", "< 50", more_is_better=False),
        ],
    )


def _drain(feed: Feed) -> int:
    return sum(map(len, xml(feed)))


def _formatted(items: list[Item]) -> int:
    texts = (xml_run(item) if isinstance(item, IntervalRun) else (xml_entry(item),) for item in items)
    return sum(len(text) for pieces in texts for text in pieces)


def _tree(items: list[Item]) -> int:
    """What a program does that has a tree in mind: an element for each, all of them in memory, then written."""
    head = xml_feed_head("Green Button Usage Feed", "https://example.org", "espi-feed/Subscription", datetime.now(UTC))
    feed = etree.fromstring(head + b"</feed>")
    for item in items:
        if isinstance(item, IntervalRun):
            _add_blocks(feed, item)
        else:
            feed.append(etree.fromstring(xml_entry(item).replace(b"<entry>", f'<entry xmlns="{ATOM}">'.encode(), 1)))
    return len(etree.tostring(feed))


def _add_blocks(feed: etree._Element, run: IntervalRun) -> None:
    starts, durations, values = run.start.tolist(), run.duration.tolist(), run.value.tolist()
    for number, block_id in enumerate(run.ids.tolist()):
        entry = etree.SubElement(feed, f"{{{ATOM}}}entry")
        for rel, href in (("self", f"{run.up}/{block_id}"), ("up", run.up), ("related", run.reading)):
            etree.SubElement(entry, f"{{{ATOM}}}link", rel=rel, href=href, type="espi-entry/IntervalBlock")
        content = etree.SubElement(entry, f"{{{ATOM}}}content", type="application/xml")
        block = etree.SubElement(content, f"{{{USAGE}}}IntervalBlock", nsmap={None: USAGE})  # type: ignore[dict-item]
        for at in range(*run.bounds[number : number + 2].tolist()):
            reading = etree.SubElement(block, f"{{{USAGE}}}IntervalReading")
            period = etree.SubElement(reading, f"{{{USAGE}}}timePeriod")
            etree.SubElement(period, f"{{{USAGE}}}duration").text = str(durations[at])
            etree.SubElement(period, f"{{{USAGE}}}start").text = str(starts[at])
            etree.SubElement(reading, f"{{{USAGE}}}value").text = str(values[at])

"""A customer of a utility in Detroit who has held meters since 2020, and what is shared of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from lxml import etree

from energygrid.access import tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.access.consents.consents import Consent
from energygrid.access.vault import Vault
from energygrid.billing.records.files import read as read_file
from energygrid.billing.records.load import write_records
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.sealing import Safe
from energygrid.billing.records.values import DateRules
from energygrid.customers.payload import check_payload
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.database.engine import Database
from energygrid.espi_schemas import schema
from energygrid.greenbutton.entitlement import Entitlement, entitlement_of
from energygrid.greenbutton.feed import Feed, subscription_feed, xml
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.window import EVERYTHING, Window
from energygrid.ingest.rows import Reject
from energygrid.metering.calendar import day_starts
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind, ReadingBatch, RegisterReads, SeriesKey
from energygrid.metering.series import ensure_series
from energygrid.metering.store import write_readings, write_register_reads

ZONE = "America/Detroit"
BEGUN = datetime(2020, 1, 1, tzinfo=UTC)
GRANTED = datetime(2026, 2, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOWN = datetime(2026, 2, 10, 3, tzinfo=UTC)
BASE = "https://dc.example.org/DataCustodian/espi/1_1/resource"
ESPI = "{http://naesb.org/espi}"
ATOM = "{http://www.w3.org/2005/Atom}"
NAN = float("nan")


def at(*parts: int) -> int:
    """Epoch seconds of a UTC time."""
    return int(datetime(*parts, tzinfo=UTC).timestamp())


@dataclass
class Utility:
    """A database with one utility in it, and the sharing of one customer's data."""

    database: Database
    vault: Vault
    tenant: Tenant

    def customer(
        self, meters: Sequence[Mapping[str, object]], client_id: str = "C1", now: datetime = BEGUN, premise: str = "P1"
    ) -> None:
        """Push a customer whose meters all hang at one place."""
        usual = {"meterType": "Electric", "unitOfMeasure": "kWh", "isAMI": True, "rateCode": "RES1"}
        entries = [{**usual, "billingCycleId": 3, "accountNumber": "A-1", **meter} for meter in meters]
        payload = {
            "clientId": client_id,
            "AcctStatus": "A",
            "customerSites": [{"externalSiteId": premise, "postalCode": "48067", "meters": entries}],
        }
        checked = check_payload(payload, self.tenant.section("customers", CustomerSettings))
        self.database.write(push_customer, self.tenant, checked, vault=self.vault, who=SYSTEM, now=now)

    def readings(
        self,
        meter_id: str,
        start: int,
        values: Sequence[float],
        *,
        known: datetime = KNOWN,
        quality: Sequence[Quality] | None = None,
        offset: int = 0,
        **facts: Any,
    ) -> None:
        """Store readings that follow each other from `start` on; NaN is one that does not come.

        Of daily ones `start` names the first local day, as its midnight in UTC.
        """
        usual = {"commodity": Commodity.ELECTRICITY, "flow": Flow.DELIVERED, "kind": Kind.ENERGY, "unit": "kWh"}
        key = SeriesKey(meter_id, **({"interval_s": 900} | usual | facts))
        given = np.array(values, np.float64)
        at = start + np.arange(len(given)) * key.interval_s
        if key.interval_s == DAY_S:
            at = day_starts(at // DAY_S, ZONE)
        marks = [Quality.ACTUAL] * len(given) if quality is None else list(quality)
        there = ~np.isnan(given)
        n = int(there.sum())
        batch = ReadingBatch(
            series=[key],
            index=np.zeros(n, np.int32),
            start=at[there].astype(np.int64),
            value=given[there],
            quality=np.array(marks, np.uint8)[there],
            row=np.arange(1, n + 1),
        )
        series = self.database.write(
            ensure_series, self.tenant.id, [key], zones={meter_id: ZONE}, offsets=[offset], now=known
        )
        report = self.database.write(write_readings, series, batch, known_at=known)
        assert report.rejected == 0

    def registers(self, meter_id: str, reads: Mapping[int, float], *, known: datetime = KNOWN, **facts: Any) -> None:
        usual = {"commodity": Commodity.ELECTRICITY, "flow": Flow.DELIVERED, "kind": Kind.ENERGY, "unit": "kWh"}
        key = SeriesKey(meter_id, **({"interval_s": 0} | usual | facts))
        series = self.database.write(
            ensure_series, self.tenant.id, [key], zones={meter_id: ZONE}, offsets=[0], now=known
        )
        n = len(reads)
        columns = RegisterReads(
            series=[key],
            index=np.zeros(n, np.int32),
            at=np.array(list(reads), np.int64),
            value=np.array(list(reads.values())),
            quality=np.full(n, Quality.ACTUAL, np.uint8),
            row=np.arange(n),
        )
        self.database.write(write_register_reads, series, columns, known_at=known)

    def records(self, kind: RecordKind, *rows: Mapping[str, object], known: datetime = KNOWN) -> None:
        """Store billing records as an ingest file would."""
        found = list(read_file(BytesIO(json.dumps(rows).encode()), kind, DateRules(), "USD"))
        assert not [each for each in found if isinstance(each, Reject)]
        records = [each for each in found if isinstance(each, Record)]
        safe = Safe.of(self.tenant, self.vault)
        self.database.write(write_records, self.tenant, safe, f"job {known}", kind, records, known)

    def share(
        self, *meters: str, scope: str = "FB=4_15_16_17", client_id: str = "C1", now: datetime = NOW, **limits: Any
    ) -> Context:
        consent = Consent(
            tenant_id=self.tenant.id,
            id="4000000000000004",
            client_id="third",
            customer_id=client_id,
            requested_scope=scope,
            scope=scope,
            meters=meters,
            data_from=limits.get("data_from"),
            data_until=limits.get("data_until"),
            evidence=None,
            created_at=GRANTED,
            changed_at=GRANTED,
            expires_at=None,
            revoked_at=None,
            revoked_by=None,
        )
        found: Entitlement = self.database.read(entitlement_of, self.vault, self.tenant, consent)
        return Context(self.vault, BASE, found, now)

    def feed(self, ctx: Context, window: Window = EVERYTHING, usage_point: str | None = None) -> Feed:
        href = f"{BASE}/Batch/Subscription/{ctx.entitlement.id}"
        return subscription_feed(self.database, ctx, window, usage_point=usage_point, href=href)

    def parsed(self, ctx: Context, window: Window = EVERYTHING) -> "Parsed":
        return Parsed.of(b"".join(xml(self.feed(ctx, window))))


@dataclass
class Parsed:
    """A feed as an outsider reads it; that it is valid is checked first."""

    root: etree._Element

    @classmethod
    def of(cls, text: bytes) -> "Parsed":
        root = etree.parse(BytesIO(text))
        schema("4.0-strict").assertValid(root)
        return cls(root.getroot())

    def entries(self, resource: str) -> list[etree._Element]:
        return [
            each for each in self.root.iter(f"{ATOM}entry") if each.find(f"{ATOM}content/{ESPI}{resource}") is not None
        ]

    def contents(self, resource: str) -> list[etree._Element]:
        return [content for each in self.entries(resource) if (content := each.find(f"{ATOM}content/*")) is not None]

    def order(self) -> list[str]:
        return [str(each.findtext(f"{ATOM}title")) for each in self.root.iter(f"{ATOM}entry")]

    def readings(self, block: etree._Element | None = None) -> list[tuple[int, int, int]]:
        """(start, duration, value) of a block, or of all."""
        blocks = self.contents("IntervalBlock") if block is None else [block]
        return [
            tuple(
                int(str(each.findtext(f"{ESPI}{path}")))
                for path in (f"timePeriod/{ESPI}start", f"timePeriod/{ESPI}duration", "value")
            )  # type: ignore[misc]
            for content in blocks
            for each in content.iter(f"{ESPI}IntervalReading")
        ]


def link(entry: etree._Element, rel: str, kind: str = "") -> str:
    found = [each for each in entry.iter(f"{ATOM}link") if each.get("rel") == rel and kind in str(each.get("type"))]
    assert len(found) == 1, [dict(each.attrib) for each in entry.iter(f"{ATOM}link")]
    return str(found[0].get("href"))


def text(element: etree._Element, *path: str) -> str | None:
    return element.findtext("/".join(f"{ESPI}{name}" for name in path))


def stamps(entry: etree._Element) -> tuple[str | None, str | None]:
    return entry.findtext(f"{ATOM}published"), entry.findtext(f"{ATOM}updated")


@pytest.fixture
def utility(database: Database, vault: Vault) -> Utility:
    settings = {"metering": {"zone": ZONE}, "billing": {"currency": "USD"}}
    tenant = database.write(tenants.create_tenant, "detroit", environment="sandbox", settings=settings, now=BEGUN)
    return Utility(database, vault, tenant)

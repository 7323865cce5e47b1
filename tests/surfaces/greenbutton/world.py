"""A utility with two customers and a third party behind the surface as it is mounted, and how its answers are read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient
from lxml import etree
from tests.greenbutton.usage.conftest import ZONE, Utility

from energygrid.access import clients, tenants, tokens
from energygrid.access.audit import SYSTEM
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.oauth.espi_tokens import issue_access_token, issue_client_token
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import Registered
from energygrid.billing.records.record import RecordKind
from energygrid.database.engine import Database
from energygrid.espi_schemas import schema
from energygrid.metering.readings import Commodity, Flow, Kind
from energygrid.services import Services

RESOURCE = "/DataCustodian/espi/1_1/resource"
SCOPE = "FB=4_5_15_16_17_51"
HOUR = timedelta(hours=1)
ATOM = "{http://www.w3.org/2005/Atom}"
BEGUN = datetime(2020, 1, 1, tzinfo=UTC)
FIRST_DAY = datetime(2025, 11, 1, tzinfo=UTC)
"""Readings begin here; the clocks of Detroit go back on 2 November."""
DAYS = 4
KNOWN = datetime(2025, 11, 10, 3, tzinfo=UTC)


@dataclass
class GreenButton:
    """A caller. `party` is the third party, `consent` what customer C1 allowed it."""

    http: TestClient
    services: Services
    utility: Utility
    party: Registered
    consent: Consent

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def registration_token(self) -> str:
        return self.party.registration_token.get_secret_value()

    def client_token(self, party: Registered | None = None, *, at: datetime | None = None) -> str:
        return issue_client_token(
            self.services.tokens.authority,
            (party or self.party).third_party,
            scope="FB=34_35",
            lifetime=HOUR,
            now=at or datetime.now(UTC),
        ).token

    def access_token(
        self, consent: Consent | None = None, *, lifetime: timedelta = HOUR, at: datetime | None = None
    ) -> str:
        return issue_access_token(
            self.services.tokens.authority,
            tenant=self.utility.tenant.key,
            consent=consent or self.consent,
            lifetime=lifetime,
            now=at or datetime.now(UTC),
        ).token

    def api_token(self) -> str:
        """One of another API of the same installation."""
        return tokens.issue(
            self.services.tokens.authority,
            tenant=self.utility.tenant.key,
            client_id=f"cis-{self.utility.tenant.key}",
            subject="cis",
            scopes=["customer.sync"],
            lifetime=HOUR,
            now=datetime.now(UTC),
        ).token

    def get(self, path: str, token: str | None = None, method: str = "GET", **more: Any) -> Any:
        """Under an access token unless another is given; `path` below the base of resources, or absolute."""
        bearer = {"Authorization": f"Bearer {token or self.access_token()}"}
        address = RESOURCE + path if not path.startswith(("http", RESOURCE)) else path
        return self.http.request(method, address, headers=bearer | more.pop("headers", {}), **more)

    def atom(self, path: str, token: str | None = None, **more: Any) -> etree._Element:
        answer = self.get(path, token, **more)
        assert answer.status_code == 200, answer.text
        return valid(answer.content)

    def consented(self, customer_id: str, party: Registered | None = None, **more: Any) -> Consent:
        facts = {"requested_scope": SCOPE, "scope": SCOPE, "meters": ["E1", "G1", "E2"]} | more
        return self.database.write(
            consents.give,
            self.utility.tenant.id,
            client_id=(party or self.party).third_party.client_id,
            customer_id=customer_id,
            who=SYSTEM,
            now=datetime.now(UTC),
            **facts,
        )

    def configure(self, **values: Any) -> None:
        now = datetime.now(UTC)
        self.database.write(tenants.set_section, self.utility.tenant, "greenbutton", values, who=SYSTEM, now=now)
        self.services.tokens.forget()


def valid(body: bytes) -> etree._Element:
    """The document, which the strict schema accepts."""
    root = etree.fromstring(body)
    schema("4.0-strict").assertValid(root)
    return root


def titles(root: etree._Element) -> list[str]:
    return [str(each.findtext(f"{ATOM}title")) for each in root.iter(f"{ATOM}entry")]


def hrefs(root: etree._Element, rel: str, kind: str = "") -> list[str]:
    links = root.iter(f"{ATOM}link")
    return [str(each.get("href")) for each in links if each.get("rel") == rel and kind in str(each.get("type"))]


def register(services: Services, utility: Utility, name: str, **more: Any) -> Registered:
    facts = {"redirect_uris": ["https://tp.example/back"], "offered_scopes": [SCOPE], "status": Status.LIVE} | more
    return services.database.write(
        third_parties.register,
        services.vault,
        utility.tenant,
        name=name,
        who=SYSTEM,
        now=datetime.now(UTC) - HOUR,
        **facts,
    )


def detroit(http: TestClient, services: Services, key: str = "detroit") -> GreenButton:
    """Customer C1 with electricity both ways and gas, C2 with electricity; C1 has allowed the third party to read."""
    database = services.database
    settings = {
        "metering": {"zone": ZONE},
        "billing": {"currency": "USD"},
        "greenbutton": {"requests_per_second": 100_000, "burst": 100_000},
    }
    tenant = database.write(tenants.create_tenant, key, environment="sandbox", settings=settings, now=BEGUN)
    utility = Utility(database, services.vault, tenant)
    gas = {"meterId": "G1", "meterType": "Gas", "unitOfMeasure": "ccf"}
    utility.customer([{"meterId": "E1"}, gas], "C1", premise="P1")
    utility.customer([{"meterId": "E2", "accountNumber": "A-2"}], "C2", premise="P2")
    start = int(FIRST_DAY.timestamp())
    values = [0.25 + (n % 7) / 8 for n in range(96 * DAYS)]
    utility.readings("E1", start, values, known=KNOWN)
    utility.readings("E1", start, values[:96], known=KNOWN, flow=Flow.RECEIVED)
    gas_facts = {"commodity": Commodity.GAS, "kind": Kind.VOLUME, "unit": "ccf", "interval_s": 3600}
    utility.readings("G1", start, values[:48], known=KNOWN, **gas_facts)
    utility.readings("E2", start, values[:96], known=KNOWN)
    cis = {"name": "CIS", "scopes": ["customer.sync"], "client_id": f"cis-{key}", "who": SYSTEM}
    database.write(clients.create_client, services.vault, tenant, now=datetime.now(UTC) - HOUR, **cis)
    party = register(services, utility, "Insights")
    made = GreenButton(http, services, utility, party, consent=None)  # type: ignore[arg-type]
    made.consent = made.consented("C1")
    return made


def bill(utility: Utility, meter: str, account: str) -> None:
    """Everything of a meter that is not its readings: bills, a document, agreement, supplier, places, devices."""
    on_account, of_meter = {"ContractAccount": account}, {"MeterID": meter}
    october = {"BillingStart": "2025-10-01", "BillingEnd": "2025-10-31"}
    for kind, row in {
        RecordKind.SUPPLIER: {"SupplierID": "light", "Name": "Detroit Light", "Kind": "utility"},
        RecordKind.ACCOUNT: on_account | {"CustomerKind": "residential", "ContactName": "Grace Greenfield"},
        RecordKind.AGREEMENT: on_account
        | of_meter
        | {"AgreementID": f"AG-{meter}", "SupplierID": "light", "SignDate": "2019-08-12", "Programs": [PROGRAM]},
        RecordKind.LOCATION: of_meter | {"Type": "residence", "City": "Royal Oak"},
        RecordKind.DEVICE: of_meter | {"DeviceID": meter, "SerialNumber": f"SN-{meter}"},
        RecordKind.MCH: on_account
        | of_meter
        | october
        | {"TotalConsumption": "600", "UnitOfMeasure": "kWh", "Cost": "96.00", "TotalAmount": "100.00"},
        RecordKind.STATEMENT: on_account
        | of_meter
        | {
            "StatementID": "2025-10",
            "MediaType": "text/html",
            "Content": "PGI+YmlsbDwvYj4=",
            "FileName": "Rechnung \u00fc.html",
        },
        RecordKind.POWER_QUALITY: of_meter
        | {"PeriodStart": "2025-10-01", "PeriodEnd": "2025-10-31", "LongInterruptions": 1},
    }.items():
        utility.records(kind, row, known=KNOWN)
    relay = {"DeviceID": f"NIC-{meter}", "Role": "end_device", "Type": "network interface"}
    utility.records(RecordKind.DEVICE, of_meter | relay, known=KNOWN)


PROGRAM = {
    "name": "Peak Saver",
    "status": "enrolled",
    "dates": [{"type": "CUST_DR_PROGRAM_ENROLLMENT_DATE", "date": "2021-06-01", "code": "PS-IN"}],
}

"""A utility, a third party with a receiver on a real socket, and customers who share a meter each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import insert
from tests.messaging.webhooks.conftest import Receiver, receiver

from energygrid.access.addresses import AllowList
from energygrid.access.caller import Actor, Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.consents.tables import consent, consent_meter
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.customers.tables import contract
from energygrid.database.engine import Database
from energygrid.espi_schemas import schema
from energygrid.greenbutton import notices
from energygrid.messaging.webhooks import delivery
from energygrid.messaging.webhooks.posting import poster

__all__ = ["receiver"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BASE = "https://utility.example/DataCustodian/espi/1_1/resource"
WHO = Actor("test", "-")
SCOPE = "FB=4_5_15_16_51;IntervalDuration=900"


def resources_of(body: bytes) -> list[str]:
    """The addresses in a BatchList, which must be valid."""
    document = etree.fromstring(body)
    schema("4.0-strict").assertValid(document)
    assert document.tag == "{http://naesb.org/espi}BatchList"
    return [str(each.text) for each in document]


@dataclass
class World:
    """Driven by hand: `now` moves only when a test moves it."""

    database: Database
    vault: Vault
    tenant: Tenant
    receiver: Receiver
    now: datetime = NOW
    secrets: dict[str, str | None] = field(default_factory=dict)

    def party(self, name: str = "Insights", scopes: Sequence[str] = (SCOPE,), uri: str | None = "") -> ThirdParty:
        """A live third party; its address is the receiver unless `uri` says otherwise."""
        made = self.database.write(
            third_parties.register,
            self.vault,
            self.tenant,
            name=name,
            redirect_uris=["https://insights.example/back"],
            offered_scopes=scopes,
            status=Status.LIVE,
            who=WHO,
            now=self.now,
        ).third_party
        if uri is None:
            return made
        address = uri or self.receiver.url
        party, self.secrets[made.client_id] = self.database.write(
            notices.set_notify_uri, self.vault, made, address, who=WHO, now=self.now
        )
        return party

    def customers(self, count: int, *, since: datetime = NOW - 700 * DAY, first: int = 0) -> None:
        """Customer c0 holds meter m0 under account a0, and so on."""
        rows = [
            {
                "tenant_id": self.tenant.id,
                "client_id": f"c{i}",
                "premise_id": f"p{i}",
                "meter_id": f"m{i}",
                "account_number": f"a{i}",
                "position": 0,
                "since": since,
            }
            for i in range(first, first + count)
        ]
        self.database.write(lambda db: db.execute(insert(contract), rows))

    def consents(self, party: ThirdParty, count: int, first: int = 0) -> list[str]:
        """One consent of each customer, written at once; their ids."""
        ids = [str(10**15 + int(party.application_id) % 10**9 * 10**6 + i) for i in range(first, first + count)]
        rows = [
            {
                "tenant_id": self.tenant.id,
                "id": name,
                "client_id": party.client_id,
                "customer_id": f"c{i}",
                "requested_scope": SCOPE,
                "scope": SCOPE,
                "created_at": self.now,
                "changed_at": self.now,
            }
            for i, name in enumerate(ids, first)
        ]
        meters = [
            {"tenant_id": self.tenant.id, "consent_id": name, "meter_id": f"m{i}"} for i, name in enumerate(ids, first)
        ]
        self.database.write(lambda db: (db.execute(insert(consent), rows), db.execute(insert(consent_meter), meters)))
        return ids

    def consent(self, party: ThirdParty, customer: int = 0, scope: str = SCOPE, **kwargs: Any) -> Consent:
        return self.database.write(
            consents.give,
            self.tenant.id,
            client_id=party.client_id,
            customer_id=f"c{customer}",
            requested_scope=scope,
            scope=scope,
            meters=[f"m{customer}"],
            who=WHO,
            now=self.now,
            **kwargs,
        )

    def change(self, touched: Mapping[str, tuple[datetime, datetime]]) -> None:
        self.database.write(notices.data_changed, self.tenant, touched, self.now)

    def tell(self) -> int:
        return self.database.write(notices.tell, self.vault, self.tenant.id, BASE, self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def deliver(self, *parties: ThirdParty, client: OutgoingClient | None = None) -> list[list[str]]:
        """Send what is due; what the receiver has accepted since, message by message."""
        before = len(self.receiver.requests)
        self.database.write(delivery.fan_out, self.tenant.id, self.now)
        post = poster(client or OutgoingClient(AllowList.of(["127.0.0.1"]), allow_http=True), timedelta(seconds=5))
        for party in parties:
            endpoint = self.database.read(notices.find_endpoint, party)
            delivery.deliver(self.database, self.vault, post, lambda: self.now, self.tenant.id, endpoint.id)
        return [resources_of(each["body"]) for each in self.receiver.requests[before:]]


@pytest.fixture
def world(database: Database, vault: Vault, committed_tenant: Tenant, receiver: Receiver) -> World:
    receiver.parse = resources_of
    return World(database, vault, committed_tenant, receiver)

"""Three customers of the utility with a day of readings and a bill each, who share them with one third party."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.greenbutton.usage.conftest import BASE, KNOWN, Parsed, Utility, at, utility

from energygrid.access.caller import Actor
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.third_parties import third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.billing.records.record import RecordKind
from energygrid.greenbutton import bulk
from energygrid.greenbutton.bulk import Part, Selection
from energygrid.greenbutton.feed import xml
from energygrid.greenbutton.window import EVERYTHING, Window

__all__ = ["utility"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WHO = Actor("test", "-")
SCOPE = "FB=4_5_15_16_51"
MIDNIGHT = at(2026, 1, 15, 5)
SPAN = (datetime(2026, 1, 15, 5, tzinfo=UTC), datetime(2026, 1, 15, 7, tzinfo=UTC))


@dataclass
class Sharing:
    """`consents`: one a customer, C0 to C2 with meters M0 to M2; customer n's readings are n kWh each."""

    utility: Utility
    party: ThirdParty
    consents: list[Consent] = field(default_factory=list)
    now: datetime = NOW

    def give(self, customer: int, party: ThirdParty | None = None, **kwargs: Any) -> Consent:
        return self.utility.database.write(
            consents.give,
            self.utility.tenant.id,
            client_id=(party or self.party).client_id,
            customer_id=f"C{customer}",
            requested_scope=SCOPE,
            scope=SCOPE,
            meters=[f"M{customer}"],
            who=WHO,
            now=NOW - DAY,
            **kwargs,
        )

    def revoke(self, consent: Consent) -> Consent:
        return self.utility.database.write(consents.revoke, self.utility.tenant.id, consent.id, who=WHO, now=self.now)

    def bulk(self, *parts: Part, kind: bulk.Kind = "usage", party: ThirdParty | None = None) -> str:
        made: str = self.utility.database.write(
            bulk.create, party or self.party, kind, parts, now=self.now, keep=7 * DAY
        )
        return made

    def selection(self, bulk_id: str, **kwargs: Any) -> Selection:
        return self.utility.database.read(bulk.find, self.party, bulk_id, self.now, **kwargs)

    def text(self, selection: Selection, window: Window = EVERYTHING) -> bytes:
        href = f"{BASE}/Bulk/{selection.id}"
        database, vault = self.utility.database, self.utility.vault
        feed = bulk.feed(database, vault, self.party, selection, window, base=BASE, href=href, now=self.now)
        return b"".join(xml(feed))

    def parsed(self, bulk_id: str, window: Window = EVERYTHING) -> Parsed:
        """As an outsider reads it; it must be valid."""
        return Parsed.of(self.text(self.selection(bulk_id), window))


def register(utility: Utility, name: str = "Insights", scopes: Sequence[str] = (SCOPE, "FB=34_35")) -> ThirdParty:
    return utility.database.write(
        third_parties.register,
        utility.vault,
        utility.tenant,
        name=name,
        redirect_uris=["https://insights.example/back"],
        offered_scopes=scopes,
        status=Status.LIVE,
        who=WHO,
        now=NOW - DAY,
    ).third_party


@pytest.fixture
def sharing(utility: Utility) -> Sharing:
    made = Sharing(utility, register(utility))
    for n in range(3):
        utility.customer([{"meterId": f"M{n}", "accountNumber": f"A-{n}"}], client_id=f"C{n}", premise=f"P{n}")
        utility.readings(f"M{n}", MIDNIGHT, [n] * 96, known=KNOWN)
        bill = {
            "contractaccount": f"A-{n}",
            "externalSiteId": f"P{n}",
            "meterid": f"M{n}",
            "billingStart": "2026-01-10",
            "billingEnd": "2026-02-09",
            "totalConsumption": 300 + n,
            "unitOfMeasure": "kWh",
            "cost": 40,
            "taxAmount": 2,
        }
        utility.records(RecordKind.MCH, bill)
        made.consents.append(made.give(n))
    return made

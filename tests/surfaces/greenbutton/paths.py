"""The paths of the surface, written from the contract, and where a third party's own resources stand on them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from tests.surfaces.greenbutton.world import FIRST_DAY, HOUR, RESOURCE, GreenButton

from energygrid.greenbutton import bulk

POINT = "/Subscription/{auth_uid}/UsagePoint"
CUSTOMER = "/RetailCustomer/{auth_uid}/Customer"
ACCOUNT = f"{CUSTOMER}/{{customer_uid}}/CustomerAccount"
AGREEMENT = f"{ACCOUNT}/{{account_uid}}/CustomerAgreement"
BELOW = f"{AGREEMENT}/{{agreement_uid}}"
PLACE = f"{BELOW}/ServiceLocation/{{location_uid}}"


def both(path: str, item: str) -> list[str]:
    """Of a list, and of one of it."""
    return [path, f"{path}/{{{item}}}"]


LEGACY = both(f"{POINT}/{{meter_uid}}/ElectricPowerUsageSummary", "summary_uid")
KINDS = {
    "R": both("/ApplicationInformation", "app_uid"),
    "C": [
        *both("/Authorization", "auth_uid"),
        "/Bulk/{bulk_uid}",
        "/Batch/Bulk/{bulk_uid}",
        "/Batch/BulkRetailCustomerInfo/{bulk_uid}",
        "/ReadServiceStatus",
    ],
    "A": [
        *both("/LocalTimeParameters", "tz_uid"),
        *both("/ReadingType", "type_uid"),
        *both(POINT, "meter_uid"),
        *both(f"{POINT}/{{meter_uid}}/MeterReading", "reading_uid"),
        *both(f"{POINT}/{{meter_uid}}/MeterReading/{{reading_uid}}/IntervalBlock", "block_uid"),
        *both(f"{POINT}/{{meter_uid}}/UsageSummary", "summary_uid"),
        *both(f"{POINT}/{{meter_uid}}/ElectricPowerQualitySummary", "power_uid"),
        *LEGACY,
        *both(CUSTOMER, "customer_uid"),
        *both(ACCOUNT, "account_uid"),
        *both(AGREEMENT, "agreement_uid"),
        *both(f"{BELOW}/ServiceSupplier", "supplier_uid"),
        *both(f"{BELOW}/ProgramDateIdMappings", "mappings_uid"),
        *both(f"{BELOW}/Statement", "statement_uid"),
        *both(f"{BELOW}/ServiceLocation", "location_uid"),
        *both(f"{PLACE}/Meter", "device_uid"),
        *both(f"{PLACE}/EndDevice", "device_uid"),
        "/Batch/Subscription/{auth_uid}",
        "/Batch/Subscription/{auth_uid}/UsagePoint/{meter_uid}",
        "/Batch/RetailCustomer/{auth_uid}",
        "/Batch/RetailCustomer/{auth_uid}/UsagePoint",
        "/Non-ESPI/statements/{statement_uid}",
    ],
}
"""By the token that a path takes (contracts/greenbutton.md 3.1)."""
WRITTEN = ["/ApplicationInformation/{app_uid}", "/Authorization/{auth_uid}"]
STATUS = "/ReadServiceStatus"
ABSENT = "1000000000000001"
PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass
class Party:
    """A third party with a permission of a customer: its tokens, and its own address of every path."""

    greenbutton: GreenButton

    @cached_property
    def tokens(self) -> dict[str, str]:
        here = self.greenbutton
        return {"R": here.registration_token, "C": here.client_token(), "A": here.access_token()}

    @cached_property
    def addresses(self) -> dict[str, str]:
        here, uid = self.greenbutton, self.greenbutton.consent.id
        texts = [here.get(f"/Batch/{side}/{uid}").text for side in ("Subscription", "RetailCustomer")]
        known = {address for text in texts for address in re.findall(f'{RESOURCE}(/[^"<?]+)', text)}
        known |= {each.replace("/UsageSummary", "/ElectricPowerUsageSummary") for each in known}
        known |= {f"/Batch{each}" for each in known if each.startswith("/Subscription")}
        known |= {f"/Batch/RetailCustomer/{uid}/UsagePoint", "/Authorization", f"/Authorization/{uid}", STATUS}
        known |= {"/ApplicationInformation", f"/ApplicationInformation/{here.party.third_party.application_id}"}
        known |= {f"/Bulk/{self._bulk('usage')}", f"/Batch/Bulk/{self._bulk('usage')}"}
        known |= {f"/Batch/BulkRetailCustomerInfo/{self._bulk('customer')}"}
        return {path: self._one_of(path, known) for paths in KINDS.values() for path in paths}

    def _bulk(self, kind: bulk.Kind) -> str:
        party, now = self.greenbutton.party.third_party, datetime.now(UTC)
        part = bulk.Part(self.greenbutton.consent.id, FIRST_DAY, now)
        return self.greenbutton.database.write(bulk.create, party, kind, [part], now=now, keep=HOUR)

    @staticmethod
    def _one_of(path: str, known: set[str]) -> str:
        found = [each for each in sorted(known) if re.fullmatch(PARAMETER.sub("[^/]+", path), each)]
        assert found, f"nothing leads to {path}"
        return found[0]

    def values(self, path: str) -> list[str]:
        """Of the parameters of a path."""
        found = re.fullmatch(PARAMETER.sub("([^/]+)", path), self.addresses[path])
        assert found
        return list(found.groups())

    def strangers(self, path: str, foreign: "Party") -> Iterator[str]:
        """One's own address of a path with one id in it that is another's, then nobody's."""
        own, others = self.addresses[path].split("/"), foreign.addresses[path].split("/")
        for at, name in enumerate(path.split("/")):
            if PARAMETER.fullmatch(name):
                for uid in (others[at], ABSENT):
                    assert uid != own[at]
                    yield "/".join([*own[:at], uid, *own[at + 1 :]])

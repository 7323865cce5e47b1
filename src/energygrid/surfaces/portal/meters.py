"""What a person calls the own meters: what they measure and where they hang."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from energygrid.access.vault import Vault
from energygrid.customers.mirror import read_document
from energygrid.customers.privacy import Privacy
from energygrid.database.engine import Connection
from energygrid.greenbutton.entitlement import Entitlement, SharedMeter
from energygrid.greenbutton.own.usage import Chart
from energygrid.metering.readings import Commodity

WORDS = {
    Commodity.ELECTRICITY: "Electricity",
    Commodity.GAS: "Gas",
    Commodity.WATER: "Water",
    Commodity.HEAT: "Heat",
}
_TYPES = {"electric": "Electricity", "gas": "Gas", "water": "Water"}


@dataclass(frozen=True, slots=True)
class Named:
    """`until`: when the meter stopped being the customer's; None while it is."""

    usage_point: str
    meter_id: str
    commodity: str
    place: str
    until: datetime | None

    @property
    def label(self) -> str:
        return ", ".join(part for part in (self.commodity, self.place, f"meter {self.meter_id}") if part)


def named(
    db: Connection, vault: Vault, entitlement: Entitlement, charts: Mapping[str, list[Chart]] | None = None
) -> dict[str, Named]:
    """The meters of a customer by usage point, as it knows them."""
    document = read_document(
        db, entitlement.tenant.id, entitlement.customer_id, Privacy.of(entitlement.tenant, vault)
    ).document
    facts: dict[str, tuple[str, str]] = {}
    for site in document["customerSites"]:
        place = ", ".join(str(site[part]) for part in ("address1", "city") if site.get(part))
        for meter in site["meters"]:
            kind = str(meter.get("meterType", ""))
            facts[str(meter["meterId"])] = (_TYPES.get(kind.casefold(), kind), place)
    return {
        meter.usage_point: _named(meter, facts, (charts or {}).get(meter.usage_point, []))
        for meter in entitlement.meters
    }


def _named(meter: SharedMeter, facts: Mapping[str, tuple[str, str]], charts: list[Chart]) -> Named:
    kind, place = facts.get(meter.meter_id, ("", ""))
    commodity = kind or (WORDS[charts[0].commodity] if charts else "Meter")
    return Named(meter.usage_point, meter.meter_id, commodity, place, meter.spans[-1].end)

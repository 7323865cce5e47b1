"""What the mirror holds, as values: the facts of each thing and the live links between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from energygrid.customers.payload import CustomerPayload, MeterEntry, Site


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """`names` holds firstName, lastName and businessName as far as they are known."""

    acct_status: str | None
    names: Mapping[str, str]

    @classmethod
    def of(cls, payload: CustomerPayload) -> Self:
        names = {
            "firstName": payload.first_name,
            "lastName": payload.last_name,
            "businessName": payload.business_name,
        }
        return cls(payload.acct_status, present(names))


@dataclass(frozen=True, slots=True)
class PremiseFacts:
    """`street` holds address1 as far as it is known."""

    street: Mapping[str, str]
    city: str | None
    state: str | None
    postal_code: str

    @classmethod
    def of(cls, site: Site) -> Self:
        return cls(present({"address1": site.address1}), site.city, site.state, site.postal_code)


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """`billing_cycle` is a number when the CIS writes it as one (contract C16)."""

    meter_type: str
    unit: str | None
    is_ami: bool
    is_amr: bool | None
    rate_code: str
    billing_cycle: int | str
    obsolete: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: MeterEntry) -> Self:
        obsolete = {
            "PANID": entry.pan_id,
            "rateMultiplier": entry.rate_multiplier,
            "dialCount": entry.dial_count,
        }
        return cls(
            entry.meter_type,
            entry.unit_of_measure,
            entry.is_ami,
            entry.is_amr,
            entry.rate_code,
            entry.billing_cycle_id,
            present(obsolete),
        )


@dataclass(frozen=True, slots=True)
class SiteLink:
    """A client is at a premise. `names` are those on the bill."""

    client_id: str
    premise_id: str
    is_primary: bool | None
    position: int
    names: Mapping[str, str]
    id: int = 0

    @classmethod
    def of(cls, client_id: str, position: int, site: Site) -> Self:
        names = present({"firstName": site.first_name, "lastName": site.last_name})
        return cls(client_id, site.external_site_id, site.is_primary, position, names)


@dataclass(frozen=True, slots=True)
class Contract:
    """A client's consumption is counted by a meter, under a billing account."""

    client_id: str
    premise_id: str
    meter_id: str
    account_number: str | None
    is_primary: bool | None
    position: int
    id: int = 0

    @classmethod
    def of(cls, client_id: str, premise_id: str, position: int, entry: MeterEntry) -> Self:
        return cls(client_id, premise_id, entry.meter_id, entry.account_number, entry.is_primary, position)


@dataclass(frozen=True, slots=True)
class Mirror:
    """Everything live that one push can touch: the client's own links, and all links of its premises and meters."""

    customer: CustomerFacts
    premises: Mapping[str, PremiseFacts]
    meters: Mapping[str, MeterFacts]
    new_meters: frozenset[str]
    """Those that nobody had named before."""
    sites: tuple[SiteLink, ...]
    contracts: tuple[Contract, ...]
    places: Mapping[str, str]
    """Premise of each meter that is wanted, or hangs on a wanted premise."""


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}

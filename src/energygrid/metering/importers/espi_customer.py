"""Who a retail customer feed is about: customers, accounts, agreements, service locations and meters as plain facts.

A customer feed carries personal data, a usage feed none; custodians send them apart (greenbutton.md). The two meet at
the paths of usage points. Sources before 2020 write numbers into `name`, later ones into elements of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from lxml import etree

from energygrid.metering.importers.espi_graph import Links, contents, links_of, path_of, tail_of
from energygrid.metering.importers.espi_xml import Feed, child, line_of, local, text_of
from energygrid.metering.importers.options import ImportOptions


@dataclass(frozen=True, slots=True)
class Address:
    """Parts as the source has them, "" where it has none."""

    street: str
    town: str
    state: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class CustomerFact:
    """`path` is the resource's own link, here and in the facts below; what belongs to it has a longer path."""

    row: int
    path: str
    name: str
    kind: str
    address: Address | None


@dataclass(frozen=True, slots=True)
class AccountFact:
    row: int
    path: str
    account_id: str
    billing_cycle: str


@dataclass(frozen=True, slots=True)
class AgreementFact:
    row: int
    path: str
    agreement_id: str
    currency: str


@dataclass(frozen=True, slots=True)
class LocationFact:
    """`usage_points` are paths into the usage feed."""

    row: int
    path: str
    address: Address | None
    usage_points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeterFact:
    row: int
    path: str
    serial_number: str
    type: str


@dataclass(slots=True)
class RetailFacts:
    customers: list[CustomerFact] = field(default_factory=list)
    accounts: list[AccountFact] = field(default_factory=list)
    agreements: list[AgreementFact] = field(default_factory=list)
    locations: list[LocationFact] = field(default_factory=list)
    meters: list[MeterFact] = field(default_factory=list)
    devices: list[MeterFact] = field(default_factory=list)

    def meter_map(self) -> dict[str, str]:
        """Usage point path -> serial number of its one meter: what `ImportOptions.meter_map` takes."""
        found: dict[str, str] = {}
        for place in self.locations:
            serials = {m.serial_number for m in self.meters if m.path.startswith(place.path + "/") and m.serial_number}
            if len(serials) == 1:
                found |= dict.fromkeys(place.usage_points, serials.pop())
        return found


def read_retail_customers(source: BinaryIO, options: ImportOptions) -> RetailFacts:
    """The facts of a customer feed; everything else in it is left alone.

    Raises Invalid BAD_FILE when the XML is not well-formed, has a document type or is not Atom.
    """
    facts = RetailFacts()
    readers: dict[str, Callable[[etree._Element, Links], None]] = {
        "Customer": lambda thing, links: facts.customers.append(_customer(thing, links)),
        "CustomerAccount": lambda thing, links: facts.accounts.append(_account(thing, links)),
        "CustomerAgreement": lambda thing, links: facts.agreements.append(_agreement(thing, links)),
        "ServiceLocation": lambda thing, links: facts.locations.append(_location(thing, links)),
        "Meter": lambda thing, links: facts.meters.append(_meter(thing, links)),
        "EndDevice": lambda thing, links: facts.devices.append(_meter(thing, links)),
    }
    for entry in Feed(source, options):
        links = links_of(entry)
        for thing in contents(entry):
            if local(thing) in readers:
                readers[local(thing)](thing, links)
    return facts


def _customer(thing: etree._Element, links: Links) -> CustomerFact:
    organisation = child(thing, "Organisation")
    name = _first(text_of(thing, "customerName"), text_of(organisation, "organisationName"), text_of(thing, "name"))
    address = _address(child(organisation, "streetAddress"))
    return CustomerFact(line_of(thing), links.own, name, text_of(thing, "kind"), address)


def _account(thing: etree._Element, links: Links) -> AccountFact:
    name = _first(text_of(thing, "accountId"), text_of(thing, "name"), tail_of(links.own))
    return AccountFact(line_of(thing), links.own, name, text_of(thing, "billingCycle"))


def _agreement(thing: etree._Element, links: Links) -> AgreementFact:
    name = _first(text_of(thing, "agreementId"), text_of(thing, "name"), tail_of(links.own))
    return AgreementFact(line_of(thing), links.own, name, text_of(thing, "currency"))


def _location(thing: etree._Element, links: Links) -> LocationFact:
    points = child(thing, "UsagePoints")
    paths = () if points is None else tuple(path for p in points if (path := path_of(p.text or "")))
    return LocationFact(line_of(thing), links.own, _address(child(thing, "mainAddress")), paths)


def _meter(thing: etree._Element, links: Links) -> MeterFact:
    serial = _first(text_of(thing, "serialNumber"), text_of(thing, "name"))
    return MeterFact(line_of(thing), links.own, serial, text_of(thing, "type"))


def _address(element: etree._Element | None) -> Address | None:
    """The postal code stands in the address (4.0) or as `code` of the town (older)."""
    if element is None:
        return None
    street, town = child(element, "streetDetail"), child(element, "townDetail")
    parts = (text_of(street, name) for name in ("number", "name", "type"))
    return Address(
        street=_first(text_of(street, "addressGeneral"), " ".join(part for part in parts if part)),
        town=text_of(town, "name"),
        state=text_of(town, "stateOrProvince"),
        postal_code=_first(text_of(element, "postalCode"), text_of(town, "code")),
        country=text_of(town, "country"),
    )


def _first(*texts: str) -> str:
    return next((text for text in texts if text), "")

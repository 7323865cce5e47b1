"""The entries of the customer side with their links: a tree from the customer down to the devices at each place.

A customer has accounts, an account an agreement for each shared meter (under the id of its usage point), an agreement
its supplier, programme dates, statements and the one place of its meter, a place its meter and other devices. What a
consent narrows leaves the tree's upper part standing, without the facts. Source: contracts/greenbutton.md 2.3.
"""

from collections.abc import Iterator
from datetime import datetime

from energygrid.billing.records.facts import DeviceRow
from energygrid.billing.records.known import F, Known
from energygrid.greenbutton.atom import CUSTOMER, Content, Entry, Link
from energygrid.greenbutton.customer import assets, contents
from energygrid.greenbutton.customer.picture import Picture, Place, blocks_of, is_narrowed, statement_id
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage.entries import local_time_content, year_start

STATEMENT_BLOCKS = frozenset({56, 71})
_PLACE_BLOCKS = frozenset({58, 60, 61})
_LISTED = {
    "ServiceSupplier": frozenset({59}),
    "ProgramDateIdMappings": frozenset({62}),
    "ServiceLocation": _PLACE_BLOCKS,
    "Meter": frozenset({60}),
    "EndDevice": frozenset({61}),
}
"""Function blocks under which a resource may be seen."""


class Tree:
    """Writes the entries of one picture."""

    def __init__(self, picture: Picture) -> None:
        self._picture, self._ctx = picture, picture.ctx
        self._blocks = blocks_of(self._ctx.entitlement)
        shared = self._ctx.entitlement
        self.customers = f"{self._ctx.base}/RetailCustomer/{shared.id}/Customer"
        self._customer = f"{self.customers}/{self._ctx.opaque('customer', shared.customer_id)}"
        self._places: list[tuple[str, str]] = []

    def entries(self) -> Iterator[Entry]:
        yield self._customer_entry()
        for number, meters in self._picture.by_account.items():
            account = f"{self._customer}/CustomerAccount/{self._ctx.opaque('account', number or '')}"
            yield self._account_entry(account, number, meters)
            for meter in meters:
                yield from self._agreement_entries(account, meter)
        yield from self._zone_entries()

    def _entry(
        self,
        resource: str,
        href: str,
        content: Content,
        related: tuple[Link, ...],
        first: datetime,
        *changed: datetime | None,
    ) -> Entry:
        """`first` is when the thing could first be told of, `changed` when what it is made of last changed."""
        shared = self._ctx.entitlement
        published = max(first, shared.granted_at)
        updated = max(published, shared.changed_at, *(each for each in changed if each is not None))
        up = href.rpartition("/")[0]
        return Entry(resource, CUSTOMER, href, up, related, published, updated, content)

    def _customer_entry(self) -> Entry:
        picture = self._picture
        accounts = list(picture.accounts.values())
        place = picture.places.get(picture.home or "")
        # Several accounts may tell of the one customer; the mirror's first is asked.
        account = accounts[0] if accounts else None
        related = [_feed(self._customer, "CustomerAccount")]
        zone = next(iter(picture.zones.values()), None)
        if zone is not None:
            related.append(self._zone_link(zone))
        return self._entry(
            "Customer",
            self._customer,
            contents.customer(picture.customer, picture.names, _facts(account), place, self._blocks),
            tuple(related),
            picture.customer.created_at,
            picture.customer.changed_at,
            _known_at(account),
            _changed_at(place),
        )

    def _account_entry(self, href: str, number: str | None, meters: list[SharedMeter]) -> Entry:
        picture = self._picture
        known = picture.accounts.get(number or "")
        rows = [row for each in meters if (row := picture.meters.get(each.meter_id))]
        cycles = {str(row.billing_cycle) for row in rows}
        premises = {each.premise_id for each in meters}
        home = picture.home if picture.home in premises else premises.pop() if len(premises) == 1 else None
        place = picture.places.get(home or "")
        cycle = cycles.pop() if len(cycles) == 1 else None
        return self._entry(
            "CustomerAccount",
            href,
            contents.account(number, _facts(known), cycle, place, self._blocks),
            (_feed(href, "CustomerAgreement"), _one(self._customer, "Customer")),
            picture.customer.created_at,
            _known_at(known),
            _changed_at(place),
            *(row.changed_at for row in rows),
        )

    def _agreement_entries(self, account: str, meter: SharedMeter) -> Iterator[Entry]:
        picture, zone = self._picture, self._picture.zones[meter.meter_id]
        href = f"{account}/CustomerAgreement/{meter.usage_point}"
        known = picture.agreements.get(meter.meter_id)
        below = {
            "ServiceSupplier": list(self._supplier_entries(href, meter)),
            "ProgramDateIdMappings": list(self._mapping_entries(href, meter)),
            "ServiceLocation": list(self._place_entries(href, meter)),
            "Statement": list(self._statement_entries(href, meter)),
        }
        told = contents.agreement(known.facts, zone) if known and 57 in self._blocks else ()
        feeds = (_feed(href, name) for name, entries in below.items() if entries or self._may_list(name))
        first = known.first_known_at if known else picture.customer.created_at
        related = (*feeds, _one(account, "CustomerAccount"))
        yield self._entry("CustomerAgreement", href, told, related, first, _known_at(known))
        for entries in below.values():
            yield from entries

    def _supplier_entries(self, agreement: str, meter: SharedMeter) -> Iterator[Entry]:
        held = self._picture.agreements.get(meter.meter_id)
        known = held and self._picture.suppliers.get(held.facts.supplier_id or "")
        if not held or not known or 59 not in self._blocks:
            return
        href = f"{agreement}/ServiceSupplier/{self._ctx.opaque('supplier', meter.usage_point, known.id)}"
        told = contents.supplier(known.facts, self._picture.zones[meter.meter_id])
        first = max(held.first_known_at, known.first_known_at)
        yield self._entry(
            "ServiceSupplier", href, told, (_one(agreement, "CustomerAgreement"),), first, known.known_at, held.known_at
        )

    def _mapping_entries(self, agreement: str, meter: SharedMeter) -> Iterator[Entry]:
        held = self._picture.agreements.get(meter.meter_id)
        if held is None or 62 not in self._blocks:
            return
        for program in held.facts.programs:
            for dated in program.dates:
                if dated.code is None:
                    continue
                name = self._ctx.opaque("programme date", meter.usage_point, program.name, dated.type, dated.code)
                yield self._entry(
                    "ProgramDateIdMappings",
                    f"{agreement}/ProgramDateIdMappings/{name}",
                    contents.mapping(program, dated),
                    (_one(agreement, "CustomerAgreement"),),
                    held.first_known_at,
                    held.known_at,
                )

    def _statement_entries(self, agreement: str, meter: SharedMeter) -> Iterator[Entry]:
        shared = self._ctx.entitlement
        if is_narrowed(shared) and not shared.scope.blocks & STATEMENT_BLOCKS:
            return
        for known in self._picture.statements_of(meter):
            name = statement_id(self._ctx, known)
            url = f"{self._ctx.base}/Non-ESPI/statements/{name}"
            told = contents.statement(known.facts, url, self._picture.zones[meter.meter_id])
            related = (_one(agreement, "CustomerAgreement"),)
            href = f"{agreement}/Statement/{name}"
            yield self._entry("Statement", href, told, related, known.first_known_at, known.known_at)

    def _place_entries(self, agreement: str, meter: SharedMeter) -> Iterator[Entry]:
        picture, zone = self._picture, self._picture.zones[meter.meter_id]
        if not self._blocks & _PLACE_BLOCKS:
            return
        href = f"{agreement}/ServiceLocation/{self._ctx.opaque('service location', meter.usage_point)}"
        self._places.append((zone, href))
        known, place = picture.locations.get(meter.meter_id), picture.places.get(meter.premise_id)
        devices = {"Meter": list(self._meter_entries(href, meter)), "EndDevice": list(self._end_devices(href, meter))}
        told = assets.location(
            _facts(known),
            place,
            self._ctx.usage_point(meter),
            is_held=picture.is_held(meter),
            blocks=self._blocks,
        )
        related = (
            *(_feed(href, name) for name in devices if self._may_list(name)),
            self._zone_link(zone),
            _one(agreement, "CustomerAgreement"),
        )
        first = picture.customer.created_at
        changed = (_known_at(known), _changed_at(place))
        yield self._entry("ServiceLocation", href, told, related, first, *changed)
        for entries in devices.values():
            yield from entries

    def _meter_entries(self, place: str, meter: SharedMeter) -> Iterator[Entry]:
        row = self._picture.meters.get(meter.meter_id)
        if row is None or 60 not in self._blocks:
            return
        known = next((each for each in self._devices(meter) if each.facts.role == "meter"), None)
        href = f"{place}/Meter/{self._ctx.opaque('meter', meter.usage_point)}"
        told = assets.meter(row, _facts(known), self._picture.zones[meter.meter_id])
        first, changed = self._picture.customer.created_at, (row.changed_at, _known_at(known))
        yield self._entry("Meter", href, told, (_one(place, "ServiceLocation"),), first, *changed)

    def _end_devices(self, place: str, meter: SharedMeter) -> Iterator[Entry]:
        if 61 not in self._blocks:
            return
        zone, related = self._picture.zones[meter.meter_id], (_one(place, "ServiceLocation"),)
        for known in self._devices(meter):
            if known.facts.role == "end_device":
                href = f"{place}/EndDevice/{self._ctx.opaque('device', meter.usage_point, known.id)}"
                told = assets.end_device(known.facts, zone)
                yield self._entry("EndDevice", href, told, related, known.first_known_at, known.known_at)
        for bind in self._picture.binds.get(meter.meter_id, ()):
            href = f"{place}/EndDevice/{self._ctx.opaque('bind', meter.usage_point, bind.bind_id)}"
            first = bind.paired_at or bind.changed_at
            yield self._entry("EndDevice", href, assets.bound_device(bind), related, first, bind.changed_at)

    def _devices(self, meter: SharedMeter) -> list[Known[DeviceRow]]:
        return list(self._picture.devices.get(meter.meter_id, ()))

    def _zone_entries(self) -> Iterator[Entry]:
        """The rules of each zone, in the customer namespace, under the address they have on the usage side."""
        zones = list(dict.fromkeys(self._picture.zones.values()))
        for at, zone in enumerate(zones):
            near = [_one(href, "ServiceLocation") for where, href in self._places if where == zone]
            related = ((_one(self._customer, "Customer"),) if at == 0 else ()) + tuple(near)
            yield self._entry(
                "LocalTimeParameters",
                self._ctx.local_time(zone),
                local_time_content(zone, self._ctx.now.year),
                related,
                self._ctx.entitlement.granted_at,
                year_start(self._ctx, zone),
            )

    def _may_list(self, resource: str) -> bool:
        """Whether a list is linked even while it is empty; one of statements is not."""
        return bool(_LISTED.get(resource, frozenset()) & self._blocks)

    def _zone_link(self, zone: str) -> Link:
        return _one(self._ctx.local_time(zone), "LocalTimeParameters")


def _facts(known: Known[F] | None) -> F | None:
    return None if known is None else known.facts


def _known_at(known: Known[F] | None) -> datetime | None:
    return None if known is None else known.known_at


def _changed_at(place: Place | None) -> datetime | None:
    return None if place is None else place.changed_at


def _one(href: str, resource: str) -> Link:
    return Link("related", href, f"cust-entry/{resource}")


def _feed(parent: str, resource: str) -> Link:
    return Link("related", f"{parent}/{resource}", f"cust-feed/{resource}")

"""The customer side of a feed and power quality, attached to the accounts and meters that the mirror knows.

What merely repeats the mirror is not made a record, so that later changes of the mirror still show. Names of people
are the mirror's.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import known
from energygrid.billing.records.espi import facts
from energygrid.billing.records.espi.draft import Draft, Fields
from energygrid.billing.records.espi.family import Family
from energygrid.billing.records.espi.mirror import Mirror
from energygrid.billing.records.espi.quality import power_quality
from energygrid.billing.records.espi.reading import Homeless
from energygrid.billing.records.facts import (
    AccountRow,
    AgreementRow,
    DeviceRow,
    FactRow,
    LocationRow,
    PowerQualityRow,
    SupplierRow,
)
from energygrid.billing.records.record import record_id
from energygrid.metering.told import Told, inside

_ADDRESS = ("street", "city", "state", "postal_code")
_OF_CUSTOMER = ("customer_kind", "customer_status", "special_need", "puc_number", "locale")


class CustomerSide:
    """Reads what is known of everything that a feed is about; then each resource becomes part of a draft."""

    def __init__(self, db: Connection, vault: Vault, tenant: Tenant, told: Sequence[Told], mirror: Mirror) -> None:
        self.mirror, self.draft = mirror, Draft()
        self._family = Family(told, mirror.meters)
        meters, accounts = sorted(mirror.meters), sorted(mirror.of_account)
        self._accounts = {n: each.facts for n, each in known.accounts(db, vault, tenant, accounts).items()}
        self._agreements = {each.facts.key(): each.facts for each in known.agreements(db, tenant.id, accounts)}
        self._locations = {m: each.facts for m, each in known.locations(db, vault, tenant, meters).items()}
        self._quality = {each.facts.key(): each.facts for each in known.power_quality(db, tenant.id, meters)}
        self._suppliers = {(each.name, str(each.kind)): each for each in known.all_suppliers(db, tenant.id)}
        self._devices: dict[str, list[DeviceRow]] = {}
        for each in known.devices(db, tenant.id, meters):
            self._devices.setdefault(each.facts.meter_id, []).append(each.facts)

    def add(self, told: Told) -> None:
        """Raises Homeless, or ValidationError when it breaks a rule that rows of files keep."""
        if told.kind == "Statement":
            raise Homeless("a feed has its address, not the document: send it as a billing file of kind statement")
        makers: Mapping[str, Callable[[Told], None]] = {
            "Customer": self._customer,
            "CustomerAccount": self._account,
            "CustomerAgreement": self._agreement,
            "ServiceSupplier": self._supplier,
            "ProgramDateIdMappings": self._mapping,
            "ServiceLocation": self._location,
            "Meter": self._meter,
            "EndDevice": self._end_device,
            "ElectricPowerQualitySummary": self._power_quality,
        }
        makers[told.kind](told)

    def _customer(self, told: Told) -> None:
        """Kept with the account that tells of the customer already, else with the first of the feed."""
        accounts = self._family.below(told, "CustomerAccount")
        numbers = [self._number(each) for each in accounts]
        if not numbers:
            raise Homeless("the feed has no account of it")
        number = next((each for each in numbers if _says(self._accounts.get(each), *_OF_CUSTOMER)), numbers[0])
        before = self._accounts.get(number)
        said = _unless(facts.customer(told), before, "customer_status", self.mirror.standings(number))
        if len(accounts) == 1 and not facts.organisation(inside(accounts[0].tree, "contactInfo")):
            said |= self._contact(facts.organisation(inside(told.tree, "Organisation")), before, number)
        if said:
            self.draft.add(told.row, AccountRow, before, said, contract_account=number)

    def _account(self, told: Told) -> None:
        number = self._number(told)
        before = self._accounts.get(number)
        said = _unless(facts.account(told), before, "billing_cycle", self.mirror.cycles(number))
        said = self._contact(said, before, number)
        if said:
            self.draft.add(told.row, AccountRow, before, said, contract_account=number)

    def _contact(self, said: Fields, before: AccountRow | None, number: str) -> Fields:
        """An address is shown as a whole, so it is dropped as a whole."""
        given = {name: said[name] for name in _ADDRESS if name in said}
        repeats = any(given.items() <= place.items() for place in self.mirror.places_of_account(number))
        if repeats and not _says(before, "street", "city", "postal_code"):
            return {name: value for name, value in said.items() if name not in _ADDRESS}
        return said

    def _number(self, account: Told) -> str:
        """The mirror's number of an account; where the feed gives none, that of its only meters."""
        for name in account.names:
            if name in self.mirror.of_account:
                return name
        if account.names:
            raise Homeless("the mirror has no account of its number")
        agreements = self._family.below(account, "CustomerAgreement")
        return self._only_account(meter for each in agreements if (meter := self._family.meter_of(each)))

    def _only_account(self, meters: Any) -> str:
        found = {self.mirror.only_account(each) for each in meters}
        number = found.pop() if len(found) == 1 else None
        if number is None:
            raise Homeless("neither its number nor its meters name one account of the mirror")
        return number

    def _agreement(self, told: Told) -> None:
        """One that says nothing stands in a feed for those below it."""
        if not told.tree:
            return
        name, meter = facts.agreement_number(told), self._meter_of(told)
        if name is None:
            raise Homeless("it has no number to know it by")
        above = self._family.above(told, "CustomerAccount")
        account = self._only_account([meter]) if above is None else self._number(above)
        if not self.mirror.has_held(account, meter):
            raise Homeless("by the mirror its account has never had its meter")
        before = self._agreements.get((account, name, meter)) or self._agreements.get((account, name, ""))
        said = facts.agreement(told, self._family.below(told, "ProgramDateIdMappings"), self.mirror.zone_of(meter))
        suppliers = [each for each in self._family.below(told, "ServiceSupplier") if facts.supplier_name(each)]
        if suppliers:
            said["supplier_id"] = self._supplier_id(suppliers[0])
        meter_id = meter if before is None else before.meter_id
        key = {"contract_account": account, "agreement_id": name, "meter_id": meter_id}
        self.draft.add(told.row, AgreementRow, before, said, **key)
        if len(suppliers) > 1:
            raise Homeless(f"an agreement has one supplier here: the first of {len(suppliers)} is kept")

    def _supplier(self, told: Told) -> None:
        """Feeds have no number of a supplier that holds from one to the next: it is known by name and kind."""
        name = facts.supplier_name(told)
        if name is None:
            raise Homeless("it has no name")
        before = self._suppliers.get((name, str(told.text("kind"))))
        said = facts.supplier(told, self.mirror.zone_of(self._family.meter_of(told)))
        self.draft.add(told.row, SupplierRow, before, said, supplier_id=self._supplier_id(told))

    def _supplier_id(self, told: Told) -> str:
        name, kind = str(facts.supplier_name(told)), str(told.text("kind"))
        before = self._suppliers.get((name, kind))
        return record_id("espi", name, kind) if before is None else before.supplier_id

    def _mapping(self, told: Told) -> None:
        """Part of its agreement."""
        agreement = self._family.above(told, "CustomerAgreement")
        if agreement is None or not facts.has_programs(agreement):
            raise Homeless("its agreement has no programme that it could explain")

    def _location(self, told: Told) -> None:
        said = facts.location(told)
        if not said:
            return
        meter = self._meter_of(told)
        before = self._locations.get(meter)
        for part in _ADDRESS:
            said = _unless(said, before, part, {place.get(part) for place in self.mirror.places_of_meter(meter)})
        if said:
            self.draft.add(told.row, LocationRow, before, said, meter_id=meter)

    def _meter(self, told: Told) -> None:
        meter = self._meter_of(told)
        before = next((each for each in self._devices.get(meter, ()) if each.role == "meter"), None)
        row = self.mirror.meters[meter]
        said = facts.device(told, self.mirror.zone_of(meter))
        said = _unless(said, before, "serial_number", {meter})
        said = _unless(said, before, "type", {"AMI"} if row.is_ami else {"AMR"} if row.is_amr else set())
        if said:
            device = meter if before is None else before.device_id
            self.draft.add(told.row, DeviceRow, before, said, meter_id=meter, device_id=device, role="meter")

    def _end_device(self, told: Told) -> None:
        meter, serial = self._meter_of(told), facts.serial_number(told)
        if serial is None:
            raise Homeless("it has no serial number to know it by")
        there = [each for each in self._devices.get(meter, ()) if each.role == "end_device"]
        before = next((each for each in there if serial in {each.serial_number, each.device_id}), None)
        device = record_id("dev", serial) if before is None else before.device_id
        said = _unless(facts.device(told, self.mirror.zone_of(meter)), before, "serial_number", {device})
        self.draft.add(told.row, DeviceRow, before, said, meter_id=meter, device_id=device, role="end_device")

    def _power_quality(self, told: Told) -> None:
        meter = self._meter_of(told)
        said = power_quality(told, self.mirror.zone_of(meter))
        before = self._quality.get((meter, said["period_start"].isoformat()))
        self.draft.add(told.row, PowerQualityRow, before, said, meter_id=meter)

    def _meter_of(self, told: Told) -> str:
        meter = self._family.meter_of(told)
        if meter is None:
            raise Homeless("no meter of the mirror has a name that the feed gives")
        return meter


def _says(row: FactRow | None, *names: str) -> bool:
    return any(getattr(row, name, None) is not None for name in names)


def _unless(said: Fields, before: FactRow | None, name: str, mirrored: Collection[object]) -> Fields:
    """Without a field that only repeats the mirror."""
    if said.get(name) in mirrored and not _says(before, name):
        return {each: value for each, value in said.items() if each != name}
    return said

"""What the mirror says of the meters and accounts that a feed names, read in a fixed number of statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records.espi import queries
from energygrid.customers.privacy import Privacy
from energygrid.customers.queries.reading import AnyRow
from energygrid.customers.status import status_word
from energygrid.metering.series import series_of_owners
from energygrid.metering.settings import MeteringSettings


@dataclass(frozen=True, slots=True)
class Mirror:
    """By meter, account number or premise.

    meters    rows of the meters that are known
    holdings  contracts under an account number: of a meter, of an account
    places    parts of the address that are known
    """

    zone: str
    meters: Mapping[str, AnyRow]
    of_meter: Mapping[str, Sequence[AnyRow]]
    of_account: Mapping[str, Sequence[AnyRow]]
    places: Mapping[str, Mapping[str, str]]
    _zones: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, db: Connection, vault: Vault, tenant: Tenant, names: Iterable[str]) -> "Mirror":
        """`names` may be those of meters or accounts."""
        wanted = set(names)
        rows = {row.meter_id: row for row in queries.meters(db, tenant.id, wanted)}
        of_meter, of_account = defaultdict[str, list[AnyRow]](list), defaultdict[str, list[AnyRow]](list)
        for row in queries.contracts(db, tenant.id, rows, wanted):
            of_meter[row.meter_id].append(row)
            if row.account_number is not None:
                of_account[row.account_number].append(row)
        premises = {row.premise_id for held in (*of_meter.values(), *of_account.values()) for row in held}
        privacy = Privacy.of(tenant, vault)
        places = {row.premise_id: _place(row, privacy) for row in queries.premises(db, tenant.id, premises)}
        series = series_of_owners(db, tenant.id, sorted(rows))
        zone = tenant.section("metering", MeteringSettings).zone
        return cls(zone, rows, of_meter, of_account, places, {each.owner_id: each.zone for each in reversed(series)})

    def zone_of(self, meter_id: str | None) -> str:
        """The zone of the meter's oldest series, else the utility's."""
        return self._zones.get(meter_id or "", self.zone)

    def holder(self, meter_id: str, at: datetime) -> AnyRow | None:
        """The contract under an account that held the meter then, else the first after."""
        held = (row for row in self.of_meter.get(meter_id, ()) if row.account_number)
        return next((row for row in held if row.until is None or row.until > at), None)

    def only_account(self, meter_id: str) -> str | None:
        """The account of a meter that has never been under another."""
        found = {row.account_number for row in self.of_meter.get(meter_id, ())}
        return found.pop() if len(found) == 1 else None

    def has_held(self, account: str, meter_id: str) -> bool:
        return any(row.account_number == account for row in self.of_meter.get(meter_id, ()))

    def places_of_meter(self, meter_id: str) -> list[Mapping[str, str]]:
        return self._places(self.of_meter.get(meter_id, ()))

    def places_of_account(self, account: str) -> list[Mapping[str, str]]:
        return self._places(self.of_account.get(account, ()))

    def _places(self, held: Iterable[AnyRow]) -> list[Mapping[str, str]]:
        return [self.places[row.premise_id] for row in held if row.premise_id in self.places]

    def standings(self, account: str) -> set[str]:
        """Where the customers of an account stand, in words."""
        return {status_word(row.acct_status) for row in self.of_account.get(account, ()) if row.acct_status}

    def cycles(self, account: str) -> set[str]:
        return {row.billing_cycle for row in self.of_account.get(account, ())}


def _place(row: AnyRow, privacy: Privacy) -> dict[str, str]:
    found = {
        "street": privacy.read(row).get("address1"),
        "city": row.city,
        "state": row.state,
        "postal_code": row.postal_code,
    }
    return {name: value for name, value in found.items() if value}

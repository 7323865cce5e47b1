"""How names and streets rest in the database, by the tenant's PII level (contract C25)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.customers.payload import CustomerPayload
from energygrid.customers.settings import CustomerSettings, PiiLevel

_PURPOSE = "customers.personal"


class PersonalRow(Protocol):
    """A row with the two columns of personal data."""

    @property
    def personal(self) -> Mapping[str, str] | None: ...
    @property
    def personal_sealed(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Privacy:
    """Writes personal data at one tenant's level, and reads it whatever the level was when it was written."""

    level: PiiLevel
    vault: Vault

    @classmethod
    def of(cls, tenant: Tenant, vault: Vault) -> "Privacy":
        return cls(tenant.section("customers", CustomerSettings).pii_level, vault)

    def keep(self, payload: CustomerPayload) -> CustomerPayload:
        """What of a payload may be kept at all."""
        return payload.without_names() if self.level is PiiLevel.NONE else payload

    def fingerprint(self, payload: CustomerPayload) -> bytes:
        """Of a payload as it is kept: keyed, so that nobody can find names by guessing them.

        The level is part of it, so that the first push after a change of level writes anew.
        """
        return self.vault.fingerprint(f"customers.payload {self.level}", payload.canonical())

    def columns(self, values: Mapping[str, str]) -> dict[str, Any]:
        """The two columns for these values, which `keep` has let through."""
        if not values:
            return {"personal": None, "personal_sealed": None}
        if self.level is PiiLevel.PLAIN:
            return {"personal": dict(values), "personal_sealed": None}
        return {"personal": None, "personal_sealed": self.vault.seal(_PURPOSE, msgspec.json.encode(values))}

    def read(self, row: PersonalRow) -> Mapping[str, str]:
        if row.personal_sealed is not None:
            opened: dict[str, str] = msgspec.json.decode(self.vault.open(_PURPOSE, row.personal_sealed))
            return opened
        return row.personal or {}

    def compare(self, row: PersonalRow) -> Mapping[str, str]:
        """As `read`; but data stored at another level equals nothing, so that the next push rewrites it."""
        form = PiiLevel.ENCRYPTED if row.personal_sealed is not None else PiiLevel.PLAIN
        values = self.read(row)
        return values if not values or form is self.level else {**values, "": "stored at another level"}

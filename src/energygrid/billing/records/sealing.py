"""How personal parts of records rest in the database: by the tenant's PII level, and documents always sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records.record import Record
from energygrid.customers.privacy import PersonalRow, Privacy
from energygrid.customers.settings import PiiLevel

_DOCUMENT = "billing.document"
_FINGERPRINT = "billing.record"


@dataclass(frozen=True, slots=True)
class Safe:
    vault: Vault
    privacy: Privacy

    @classmethod
    def of(cls, tenant: Tenant, vault: Vault) -> "Safe":
        return cls(vault, Privacy.of(tenant, vault))

    def may_keep(self, record: Record) -> bool:
        """A document is personal as a whole, so a tenant that keeps nothing personal keeps none."""
        return record.file is None or self.privacy.level is not PiiLevel.NONE

    def fingerprint(self, record: Record) -> bytes:
        """Keyed where there is something to guess. The level is part of it: the next delivery writes anew under it."""
        if not record.kind.is_personal:
            return record.fingerprint
        return self.vault.fingerprint(f"{_FINGERPRINT} {self.privacy.level}", record.content)

    def columns(self, record: Record) -> Mapping[str, Any]:
        """Nothing for kinds that have no personal fields at all."""
        if not record.kind.is_personal:
            return {}
        return self.privacy.columns({} if self.privacy.level is PiiLevel.NONE else record.personal)

    def read(self, row: PersonalRow) -> Mapping[str, str]:
        return self.privacy.read(row)

    def seal_file(self, file: bytes | None) -> bytes | None:
        return None if file is None else self.vault.seal(_DOCUMENT, file)

    def open_file(self, sealed: bytes) -> bytes:
        return self.vault.open(_DOCUMENT, sealed)

"""Reading what utilities said of agreements, suppliers, accounts, statements, power quality, places and devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records import queries
from energygrid.billing.records.facts import (
    AccountRow,
    AgreementRow,
    DeviceRow,
    FactRow,
    LocationRow,
    PowerQualityRow,
    Statement,
    SupplierRow,
)
from energygrid.billing.records.sealing import Safe
from energygrid.errors import NotFound

F = TypeVar("F", bound=FactRow)


@dataclass(frozen=True, slots=True)
class Known(Generic[F]):
    """The current revision of a record. `first_known_at` is when its first one came, `known_at` when this one did."""

    id: str
    revision: int
    first_known_at: datetime
    known_at: datetime
    facts: F


def agreements(db: Connection, tenant_id: int, accounts: Sequence[str]) -> list[Known[AgreementRow]]:
    """Of billing accounts, past and future ones too, by the day they begin to hold."""
    found = _known(AgreementRow, queries.facts(db, tenant_id, AgreementRow.KIND, accounts=accounts))
    return sorted(found, key=lambda each: (str(each.facts.valid_from or each.facts.sign_date or ""), each.id))


def suppliers(db: Connection, tenant_id: int, supplier_ids: Sequence[str]) -> dict[str, Known[SupplierRow]]:
    """By the utility's id of the supplier."""
    ids = [SupplierRow.id_of(each) for each in supplier_ids]
    found = _known(SupplierRow, queries.facts(db, tenant_id, SupplierRow.KIND, ids=ids))
    return {each.facts.supplier_id: each for each in found}


def all_suppliers(db: Connection, tenant_id: int) -> list[SupplierRow]:
    """Of the utility; they are few."""
    return [each.facts for each in _known(SupplierRow, queries.facts(db, tenant_id, SupplierRow.KIND))]


def accounts(db: Connection, vault: Vault, tenant: Tenant, numbers: Sequence[str]) -> dict[str, Known[AccountRow]]:
    """By account number; the contact is absent where nothing personal is kept."""
    rows = queries.facts(db, tenant.id, AccountRow.KIND, accounts=numbers)
    return {str(each.facts.contract_account): each for each in _known(AccountRow, rows, Safe.of(tenant, vault))}


def statements(db: Connection, vault: Vault, tenant: Tenant, numbers: Sequence[str]) -> list[Known[Statement]]:
    """Of billing accounts, oldest first."""
    found = _known(Statement, queries.facts(db, tenant.id, Statement.KIND, accounts=numbers), Safe.of(tenant, vault))
    return sorted(found, key=lambda each: (str(each.facts.issue_date or ""), each.id))


def statement_file(db: Connection, vault: Vault, tenant: Tenant, record_id: str) -> tuple[str, str | None, bytes]:
    """Media type, file name and bytes of a statement, by the id of its record; raises NotFound UNKNOWN_STATEMENT."""
    safe = Safe.of(tenant, vault)
    for statement in _known(Statement, queries.facts(db, tenant.id, Statement.KIND, ids=[record_id]), safe):
        sealed = queries.sealed_file(db, tenant.id, record_id, statement.revision)
        if sealed is not None:
            return statement.facts.media_type, statement.facts.file_name, safe.open_file(sealed)
    raise NotFound("UNKNOWN_STATEMENT", f"there is no statement {record_id[:64]}")


def power_quality(db: Connection, tenant_id: int, meters: Sequence[str]) -> list[Known[PowerQualityRow]]:
    """By meter and time."""
    found = _known(PowerQualityRow, queries.facts(db, tenant_id, PowerQualityRow.KIND, meters=meters))
    return sorted(found, key=lambda each: (each.facts.meter_id, each.facts.period_start))


def locations(db: Connection, vault: Vault, tenant: Tenant, meters: Sequence[str]) -> dict[str, Known[LocationRow]]:
    """By meter; what is personal is absent where nothing personal is kept."""
    rows = queries.facts(db, tenant.id, LocationRow.KIND, meters=meters)
    return {each.facts.meter_id: each for each in _known(LocationRow, rows, Safe.of(tenant, vault))}


def devices(db: Connection, tenant_id: int, meters: Sequence[str]) -> list[Known[DeviceRow]]:
    """Meters themselves and other devices at their places, by meter and id."""
    found = _known(DeviceRow, queries.facts(db, tenant_id, DeviceRow.KIND, meters=meters))
    return sorted(found, key=lambda each: each.facts.key())


def _known(model: type[F], rows: Sequence[Row[Any]], safe: Safe | None = None) -> list[Known[F]]:
    return [
        Known(row.id, row.revision, row.first_known_at, row.known_at, model.model_validate(_members(row, safe)))
        for row in rows
    ]


def _members(row: Row[Any], safe: Safe | None) -> Mapping[str, Any]:
    personal = safe.read(row) if safe is not None else {}
    return {**row.facts, **personal, "contract_account": row.account_number, "meter_id": row.meter_id}

"""What the rest of the platform asks about meters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from energygrid.customers.mirror import billing_cycle
from energygrid.customers.queries import reading
from energygrid.customers.queries.reading import AnyRow

ELECTRIC = "Electric"


@dataclass(frozen=True, slots=True)
class Holder:
    """A client with a live contract on a meter."""

    client_id: str
    account_number: str | None
    is_primary: bool | None
    acct_status: str | None


@dataclass(frozen=True, slots=True)
class Meter:
    """A mirrored meter as it is now. `unit` is the CIS' word; `premise_id` is None when it hangs nowhere."""

    meter_id: str
    meter_type: str
    unit: str | None
    is_ami: bool
    rate_code: str
    billing_cycle: int | str
    premise_id: str | None
    state: str | None
    postal_code: str | None
    holders: tuple[Holder, ...]

    @property
    def account_number(self) -> str | None:
        return next((holder.account_number for holder in self.holders if holder.account_number), None)


@dataclass(frozen=True, slots=True)
class Holding:
    """A client held a meter for [since, until); `until` is None while it does."""

    client_id: str
    meter_id: str
    premise_id: str
    account_number: str | None
    since: datetime
    until: datetime | None


def find_meter(db: Connection, tenant_id: int, meter_id: str) -> Meter | None:
    return find_meters(db, tenant_id, [meter_id]).get(meter_id)


def find_meters(db: Connection, tenant_id: int, meter_ids: Iterable[str]) -> dict[str, Meter]:
    """Those of the meters that are known."""
    return _meters(reading.meter_rows(db, tenant_id, sorted(set(meter_ids))))


def meters_at(db: Connection, tenant_id: int, premise_id: str) -> list[Meter]:
    """What hangs on a premise."""
    return list(_meters(reading.meter_rows_at(db, tenant_id, premise_id)).values())


def meters_of_account(db: Connection, tenant_id: int, account_number: str) -> list[Meter]:
    """Meters with a live contract under a billing account."""
    return list(find_meters(db, tenant_id, reading.account_meters(db, tenant_id, account_number)).values())


def holdings_of_client(
    db: Connection, tenant_id: int, client_id: str, meter_ids: Sequence[str] | None = None
) -> list[Holding]:
    """Every span in which a client held a meter, oldest first: what it may see of the readings.

    meter_ids  only of these meters
    """
    return [_holding(row) for row in reading.contracts_of_client(db, tenant_id, client_id, meter_ids)]


def holdings_of_meter(db: Connection, tenant_id: int, meter_id: str) -> list[Holding]:
    """Everybody who ever held a meter, oldest first."""
    return [_holding(row) for row in reading.contracts_of_meter(db, tenant_id, meter_id)]


def rate_history(db: Connection, tenant_id: int, meter_id: str) -> list[tuple[datetime, str]]:
    """Since when which rate code held, oldest first."""
    return [(row.since, row.rate_code) for row in reading.rates_of(db, tenant_id, meter_id)]


def _meters(rows: Iterable[AnyRow]) -> dict[str, Meter]:
    """One meter from its adjacent rows, one row a holder."""
    meters: dict[str, Meter] = {}
    for row in rows:
        before = meters.get(row.meter_id)
        holder = (
            ()
            if row.client_id is None
            else (Holder(row.client_id, row.account_number, row.is_primary, row.acct_status),)
        )
        meters[row.meter_id] = Meter(
            row.meter_id,
            row.meter_type,
            row.unit,
            row.is_ami,
            row.rate_code,
            billing_cycle(row),
            row.premise_id,
            row.state,
            row.postal_code,
            (() if before is None else before.holders) + holder,
        )
    return meters


def _holding(row: AnyRow) -> Holding:
    return Holding(row.client_id, row.meter_id, row.premise_id, row.account_number, row.since, row.until)

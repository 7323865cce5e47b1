"""Privacy erasure of everything that the utility's records tell of a customer, and of the customer itself."""

from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.billing.records import queries
from energygrid.billing.records.record import RecordKind
from energygrid.customers import erase

_OF_ACCOUNTS = (RecordKind.ACCOUNT, RecordKind.AGREEMENT, RecordKind.STATEMENT)


def erase_customer(db: Connection, tenant: Tenant, client_id: str, *, who: Actor, now: datetime) -> None:
    """Erase a customer from the mirror with what is told of its accounts, documents included, and of its home.

    Accounts and meters that somebody else has now keep what is told of them. Bills name nobody and stay, like readings.
    Raises NotFound UNKNOWN_CLIENT.
    """
    accounts = queries.accounts_held_alone(db, tenant.id, client_id)
    meters = queries.meters_left_alone(db, tenant.id, client_id)
    erase.erase_customer(db, tenant, client_id, who=who, now=now)
    queries.lock_records(db, tenant.id)
    queries.forget_accounts(db, tenant.id, accounts, _OF_ACCOUNTS)
    queries.blank_personal(db, tenant.id, meters)

"""What a tenant's account status codes allow (contract C11).

The code is mirrored untouched; only its meaning is looked up here.
"""

from enum import StrEnum

from energygrid.access.caller import Tenant
from energygrid.customers.settings import CustomerSettings
from energygrid.errors import Denied


class Standing(StrEnum):
    """What a status code means for service."""

    OPEN = "open"
    LOCKED = "locked"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """A code outside the codebook: service is allowed, with a warning."""


_BASIC = {"A": Standing.OPEN, "C": Standing.CLOSED, "S": Standing.LOCKED}
"""Overview and tutorial: active, closed, suspended."""

_EXTENDED = dict.fromkeys("ADNPX", Standing.OPEN) | dict.fromkeys("CFLSUZ", Standing.CLOSED)
"""Integration Guide: active, disconnected, new, pending, still charged; then charge-off, final billed, unpaid,
sold, unclaimed and cancelled."""


def standing(tenant: Tenant, acct_status: str | None) -> Standing:
    """The meaning of a code; no code at all is an open account."""
    if acct_status is None:
        return Standing.OPEN
    return _codebook(tenant.section("customers", CustomerSettings)).get(acct_status, Standing.UNKNOWN)


def status_word(acct_status: str) -> str:
    """A status code as others are shown it: in a word where the code is one of the overview's."""
    return {"A": "active", "C": "closed", "S": "suspended"}.get(acct_status, acct_status)


def is_denied(tenant: Tenant, acct_status: str | None) -> bool:
    return standing(tenant, acct_status) in {Standing.LOCKED, Standing.CLOSED}


def require_service(tenant: Tenant, acct_status: str | None) -> None:
    """Raise Denied ACCOUNT_CLOSED or ACCOUNT_LOCKED unless the account is served."""
    match standing(tenant, acct_status):
        case Standing.CLOSED:
            raise Denied("ACCOUNT_CLOSED", "the account is closed", AcctStatus=acct_status)
        case Standing.LOCKED:
            raise Denied("ACCOUNT_LOCKED", "the account is locked", AcctStatus=acct_status)


def _codebook(settings: CustomerSettings) -> dict[str, Standing]:
    match settings.status_codebook:
        case "basic":
            return _BASIC
        case "extended":
            return _EXTENDED
        case "custom":
            return (
                dict.fromkeys(settings.open_statuses, Standing.OPEN)
                | dict.fromkeys(settings.locked_statuses, Standing.LOCKED)
                | dict.fromkeys(settings.closed_statuses, Standing.CLOSED)
            )

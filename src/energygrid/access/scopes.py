"""What a client may be allowed to do, and the words for it in tokens."""

from collections.abc import Iterable, Mapping

from energygrid.errors import Invalid

SCOPES: Mapping[str, str] = {
    "customer.sync": "push, pull, read and erase customers",
    "hardware.bind": "bind devices to meters and release them",
    "hardware.events": "report what a head end saw of devices",
    "usage.ingest": "load interval data",
    "billing.ingest": "load contract history, invoices, payment plans and terminations",
    "rates.write": "define rates and billing cycles",
    "webhooks.manage": "register addresses that are told of events",
}


def known_scopes(wanted: Iterable[str]) -> list[str]:
    """The scopes, each once and in the order given; raises Invalid("UNKNOWN_SCOPE")."""
    scopes = list(dict.fromkeys(wanted))
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise Invalid("UNKNOWN_SCOPE", f"there is no scope {unknown[0]}; there are {', '.join(SCOPES)}")
    return scopes

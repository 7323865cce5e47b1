"""Who a bind is for: a client of the tenant, and one meter of theirs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Party:
    client_id: str
    meter_id: str

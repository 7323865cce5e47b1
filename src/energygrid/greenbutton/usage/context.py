"""What every view works with, and where its resources stand."""

from dataclasses import dataclass
from datetime import datetime

from energygrid.access.vault import Vault
from energygrid.greenbutton.entitlement import Entitlement, SharedMeter
from energygrid.greenbutton.ids import opaque


@dataclass(frozen=True, slots=True)
class Context:
    """`base` is `Settings.resource_url`, where all links begin; `now` is the instant of the request."""

    vault: Vault
    base: str
    entitlement: Entitlement
    now: datetime

    def opaque(self, kind: str, *parts: object) -> str:
        """An id of something under this entitlement."""
        return opaque(self.vault, kind, self.entitlement.id, *parts)

    @property
    def usage_points(self) -> str:
        """The list of usage points."""
        return f"{self.base}/Subscription/{self.entitlement.id}/UsagePoint"

    def usage_point(self, meter: SharedMeter) -> str:
        return f"{self.usage_points}/{meter.usage_point}"

    def zone_id(self, zone: str) -> str:
        return self.opaque("time zone", zone)

    def local_time(self, zone: str) -> str:
        return f"{self.base}/LocalTimeParameters/{self.zone_id(zone)}"

"""What a tenant may set about validation and estimation: section `vee` of its settings."""

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from energygrid.metering.readings import Commodity

_DAY_H = 24.0


class MeterFacts(BaseModel):
    """What rules need to know of a meter that its readings do not say.

    service_kva          size of the service connection; None = V08 has nothing to say
    register_multiplier  energy or volume of one register unit, in the series' unit: the tolerance of V09
    has_export           False = V15 warns of generation; None = not known
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service_kva: float | None = Field(default=None, gt=0)
    register_multiplier: float = Field(default=1.0, gt=0)
    has_export: bool | None = None


class VeeSettings(BaseModel):
    """Defaults are those of powerbox.md 4.7; where that table is silent, the comment says what was chosen and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zero_run_h: Mapping[Commodity, float] = {
        Commodity.ELECTRICITY: _DAY_H,
        Commodity.GAS: 45 * _DAY_H,
        Commodity.WATER: 45 * _DAY_H,  # like gas: a house may stand empty
    }
    """V05; a commodity that is not listed is not checked (heat is off all summer)."""

    stuck_intervals: int = Field(default=12, ge=2)
    """V06"""

    spike_ratio: float = Field(default=1.8, gt=0)
    spike_floor_kwh: float = Field(default=1.0, ge=0)
    """V07"""

    cap_margin: float = Field(default=1.2, gt=0)
    """V08: kVA x hours x margin"""

    sum_multipliers: float = Field(default=2.0, ge=0)
    sum_share: float = Field(default=0.005, ge=0)
    """V09"""

    high_low_ratios: tuple[float, float] = (0.4, 2.5)
    high_low_days: int = Field(default=7, ge=1)
    """V10; complete days that a month needs before its average daily use says anything."""

    future_s: int = Field(default=3600, ge=0)
    oldest_months: int | None = Field(default=25, ge=1)
    """V13; None = readings of any age are taken."""

    prolonged_days: float = Field(default=7.0, gt=0)
    """V14"""

    lateness_h: float = Field(default=36.0, ge=0)
    """V02: how late the rest of the last day may be before it is found missing (powerbox.md 1.7)."""

    linear_h: float = Field(default=2.0, ge=0)
    flat_h: float = Field(default=1.0, ge=0)
    like_days: int = Field(default=4, ge=1)
    like_days_within: int = Field(default=90, ge=1, le=90)
    """E1, E2, E3"""

    holidays: frozenset[date] = frozenset()
    """Local days that count as Sundays for E3 and E4, and are no like days for any other."""

    meter: MeterFacts = MeterFacts()
    meters: Mapping[str, MeterFacts] = {}
    """Facts of every meter, and of those that differ."""

    def facts(self, meter_id: str) -> MeterFacts:
        return self.meters.get(meter_id, self.meter)

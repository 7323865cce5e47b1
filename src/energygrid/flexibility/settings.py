"""What a tenant may set about flexibility (section `flexibility` of its settings)."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

_HALF_HOUR = r"^([01]\d|2[0-3]):(00|30)$"


class FlexibilitySettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    requests_per_second: float = Field(25, gt=0, description="Requests a second of one key in one process, before 429.")
    concurrent_requests: int = Field(15, ge=1, description="Requests of one key under way at once, in one process.")
    consumption_per_second: float = Field(1, gt=0, description="Consumption uploads a second of one key.")
    concurrent_consumption: int = Field(1, ge=1, description="Consumption uploads of one key under way at once.")
    records_per_request: int = Field(50_000, ge=1, description="Most records of one consumption upload.")
    zone: str = Field("Europe/London", description="Whose wall clock counts half-hours; they begin with those of UTC.")
    link_meters: bool = Field(
        False, description="An asset whose id or MPAN is that of a meter of the mirror shares its readings."
    )
    verification: Literal["automatic", "manual"] = Field(
        "automatic", description="Who says that an asset is ready for a scheme: rules, or `energygrid flex schemes`."
    )
    mpan_required: bool = Field(False, description="Whether an asset without any MPAN is rejected by schemes.")
    currency: str = Field("GBP", pattern="^[A-Z]{3}$", description="Currency of an event that names none.")
    rule_sets: list[str] = Field(
        ["BL01"], min_length=1, description="Rule sets of an event that names none; the first is what is paid by."
    )
    deadline_days: float = Field(
        30, ge=0, le=3650, description="Days after an event's end that readings are waited for, and corrected."
    )
    restate_after_s: float = Field(2, ge=0, description="How long late readings are gathered before restating.")
    assets_per_job: int = Field(2_500, ge=1, le=10_000, description="Assets of one job of baselines or settlement.")
    accuracy_rule_sets: list[str] = Field(
        ["BL01_NO_IDA", "GB_MID_8_OF_10", "CAISO_10_OF_10"],
        description="Rule sets whose accuracy is measured beside that of `rule_sets`.",
    )
    accuracy_from: str = Field(
        "17:00", pattern=_HALF_HOUR, description="Wall-clock time from which baselines are compared with what was used."
    )
    accuracy_to: str = Field(
        "19:00", pattern=_HALF_HOUR, description="Until when; at or before `accuracy_from`: of the next day."
    )

    @field_validator("zone")
    @classmethod
    def _has_half_hours(cls, zone: str) -> str:
        """Events begin at :00 or :30 of UTC, and half-hours are counted from local midnight: both are one grid."""
        try:
            offsets = [datetime(2026, month, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset() for month in (1, 7)]
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not an IANA time zone") from error
        if any(offset is None or offset % timedelta(minutes=30) for offset in offsets):
            raise ValueError("a quarter of an hour off: half-hours of events begin at :00 or :30 UTC")
        return zone

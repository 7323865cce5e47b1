"""Settings section `metering` of a tenant: how the files that it sends are to be read."""

from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, field_validator

from energygrid.metering.importers.options import DateOrder
from energygrid.metering.readings import Commodity


class MeteringSettings(BaseModel):
    """Defaults suit a utility in UTC that sends unambiguous files; a real one states its own."""

    zone: str = Field("UTC", description="IANA zone of the meters: of local stamps in files and of local days.")
    date_order: DateOrder | None = Field(
        None, description="Order of dates such as 1/2/2017 in the usage CSV; unset, an ambiguous file is refused."
    )
    stamp: Literal["start", "end"] = Field("start", description="What a time stamp of the usage CSV marks.")
    fold: Literal["first_dst", "earlier", "later", "refuse"] = Field(
        "first_dst", description="How the hour that comes twice in autumn is told apart."
    )
    commodity: Commodity | None = Field(
        None, description="Commodity of the usage CSV when neither its columns nor its name say it."
    )
    interval_s: int | None = Field(
        None, description="Interval length of the usage CSV [s] where a file is too short to show it."
    )
    gas_unit: str | None = Field(None, description="Unit of gas readings in files that do not say.")
    cmep_purposes: frozenset[str] = Field(frozenset({"OK"}), description="CMEP purposes that are loaded.")
    most_rejects: float = Field(0.05, ge=0, le=1, description="Share of rejected rows above which a file is refused.")
    park: timedelta = Field(timedelta(days=30), description="How long readings of unknown meters wait for their meter.")

    @field_validator("zone")
    @classmethod
    def _exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not an IANA time zone") from error
        return zone

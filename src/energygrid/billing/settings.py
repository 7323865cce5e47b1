"""What a tenant may set about billing (section `billing` of its settings)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DateOrder = Literal["MDY", "DMY", "YMD"]


class BillingSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="Of amounts that name none (ISO 4217).")
    date_order: DateOrder | None = Field(
        None, description="How dates with slashes or dots are read; unset: only YYYY-MM-DD is."
    )
    most_rejects: float = Field(
        0.05, ge=0, le=1, description="Share of rejected rows above which a billing file is stopped."
    )

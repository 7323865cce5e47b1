"""What a tenant may set about Green Button (section `greenbutton` of its settings)."""

from pydantic import BaseModel, ConfigDict, Field


class GreenButtonSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    requests_per_second: float = Field(
        50, gt=0, description="Requests a second of one third party, in one process, before 429."
    )
    burst: int = Field(100, ge=1, description="Requests that may come at once after a quiet time.")
    feeds_at_once: int = Field(
        8, ge=1, description="Batches and lists of blocks under way for one authorization, in one process, before 429."
    )
    async_above_readings: int | None = Field(
        20_000_000,
        ge=1,
        description="Readings above which a batch is built ahead: 202, then 200 at the same address; null: never"
        " unless it is asked for.",
    )
    built_hours: float = Field(48, gt=0, description="How long a feed that was built ahead is kept [h].")
    notice_delay_s: float | None = Field(
        None,
        ge=0,
        le=86_400,
        description="How long changed data wait for others before a third party is told, in s; unset: 60, sandbox 1.",
    )
    bulk_days: float = Field(7, gt=0, description="How long the bulk feed that a notice names can be read [days].")

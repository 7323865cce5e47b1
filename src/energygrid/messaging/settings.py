"""What a tenant may set about its webhooks (sections `webhooks` and `webhook_faults` of its settings)."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,39}$"


class WebhookSettings(BaseModel):
    """Names of the four members of a flexibility message, for receivers that were built for another sender."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uuid_member: str = Field("uuid", pattern=_NAME, description="Member that holds the message's UUID.")
    type_member: str = Field("type", pattern=_NAME, description="Member that holds its type.")
    timestamp_member: str = Field("timestamp", pattern=_NAME, description="Member that says when it happened.")
    data_member: str = Field("data", pattern=_NAME, description="Member that holds the details of the main resource.")

    @model_validator(mode="after")
    def _differ(self) -> Self:
        names = {self.uuid_member, self.type_member, self.timestamp_member, self.data_member}
        if len(names) != 4:
            raise ValueError("the four members need four names")
        return self


class FaultSettings(BaseModel):
    """What a sandbox does to its own webhooks, so that a receiver can be tried out; ignored everywhere else."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    drop: float = Field(
        0, ge=0, le=1, description="Share of attempts that a sandbox does not send; they fail and are tried again."
    )
    duplicate: float = Field(0, ge=0, le=1, description="Share of messages that a sandbox sends twice.")
    delay_s: float = Field(
        0, ge=0, le=86_400, description="Seconds by which a sandbox puts the first attempt at a message off."
    )

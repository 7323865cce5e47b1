"""PowerBox's published schemas, and ours beside them. Names and optionality are those of the published document."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """Camel case outside, snake case inside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


class Meter(Wire):
    """A meter. Fields beyond the first six are present when the CIS supplied them."""

    meter_id: str = Field("", examples=["123456789"])
    meter_type: Literal["Electric", "Gas", "Water", "Heat"] = Field("Electric", description="Extensible.")
    unit_of_measure: str = Field("", examples=["kWh"])
    is_ami: bool = Field(default=False, alias="isAMI", description="Precondition of a bind; not changed by one.")
    rate_code: str = Field("", examples=["RES1"])
    billing_cycle_id: int | str = Field(0, examples=[1], description="Of the type the CIS uses.")
    account_number: str = ""
    is_primary: bool = False
    is_amr: bool = Field(default=False, alias="isAMR")
    pan_id: Any = Field(None, alias="PANID", description="Obsolete, as it came.")
    rate_multiplier: Any = Field(None, description="Obsolete, as it came.")
    dial_count: Any = Field(None, description="Obsolete, as it came.")
    bind_state: str = Field("", description="With include=bind, when the meter ever had a bind.")
    bound_device: str = Field("", description="With include=bind, MAC address of the device that is bound.")


class CustomerSite(Wire):
    """A premise of the customer."""

    external_site_id: str = Field("", examples=["5113305555"])
    is_primary: bool = True
    first_name: str = Field("", description="Name on the bill.")
    last_name: str = Field("", description="Name on the bill.")
    address1: str = Field("", examples=["123 Main St."])
    city: str = Field("", examples=["Detroit"])
    state: str = Field("", examples=["MI"])
    postal_code: str = Field("", examples=["48067"])
    meters: list[Meter] = []


class CustomerResponse(Wire):
    """A customer as the mirror has it; absent fields are unknown."""

    client_id: str = Field("", examples=["123456789"])
    first_name: str = Field("", examples=["John"])
    last_name: str = Field("", examples=["Doe"])
    business_name: str = ""
    acct_status: str = Field("", alias="AcctStatus", examples=["A"], description="The CIS' own code, untranslated.")
    customer_sites: list[CustomerSite] = []


class Health(Wire):
    status: Literal["ok"] = "ok"
    env: str
    time: datetime


class LoginOut(Wire):
    client_id: str


class LoginErrorOut(Wire):
    """The guide's numbers: 1 no such account, 2 two attempts left, 3 one left, 4 locked, 86 closed."""

    error_code: Literal[1, 2, 3, 4, 86]


class FieldError(Wire):
    field: str
    message: str


class ErrorOut(Wire):
    """`errorCode` is stable and also in the header PowerBox-Error-Code; `message` is for people."""

    error_code: str
    message: str
    errors: list[FieldError] | None = None


class BatchAccepted(Wire):
    """The batch is stored; `Location` is where its job can be watched."""

    job_id: str
    kind: Literal["customers"]
    state: str


class ProblemOut(Wire):
    """RFC 9457, for callers that accept application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] | None = None

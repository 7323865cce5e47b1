"""What utilities say beyond bills: agreements, suppliers, accounts, statements, power quality, places and devices.

Each class is one record as it comes (a row of a file, docs/formats-billing.md) and as it is read back: what is not
personal of it is kept as a document under the names of its fields. A fact that is not sent is None and stays absent
wherever the record is shown. Closed lists are those of contracts/greenbutton.md 1.3.
"""

import base64
import binascii
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from energygrid.billing.records.record import Record, RecordKind, record_id
from energygrid.billing.records.values import Currency, Day, Id, Moment, Number, Url, Words, squash

MOST_STATEMENT_BYTES = 5 << 20

CustomerKind = Literal[
    "residential",
    "residentialAndCommercial",
    "residentialAndStreetlight",
    "residentialStreetlightOthers",
    "residentialFarmService",
    "commercialIndustrial",
    "pumpingLoad",
    "windMachine",
    "energyServiceSupplier",
    "energyServiceScheduler",
    "enterprise",
    "regionalOperator",
    "subsidiary",
    "internalUse",
    "other",
]
SupplierKind = Literal["utility", "retailer", "other", "lse", "mdma", "msp"]
MethodKind = Literal["call", "email", "letter", "other", "ivr"]
MultiplierKind = Literal["kH", "transformerRatio", "kR", "kE", "ctRatio", "ptRatio"]
EnrollmentStatus = Literal["unenrolled", "enrolled", "enrolledPending"]
ProgramDateType = Literal[
    "CUST_DR_PROGRAM_ENROLLMENT_DATE",
    "CUST_DR_PROGRAM_DE_ENROLLMENT_DATE",
    "CUST_DR_PROGRAM_TERM_DATE_REGARDLESS_FINANCIAL",
    "CUST_DR_PROGRAM_TERM_DATE_WITHOUT_FINANCIAL",
]
MediaType = Literal[
    "application/json",
    "application/pdf",
    "application/vnd.ms-excel",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/zip",
    "image/gif",
    "image/jpeg",
    "image/png",
    "text/csv",
    "text/html",
    "text/plain",
    "text/rtf",
    "text/xml",
]


def _split(value: Any) -> Any:
    """A cell may hold several, parted by spaces."""
    return value.split() if isinstance(value, str) else value


class Facts(BaseModel):
    model_config = ConfigDict(
        extra="ignore",
        alias_generator=AliasGenerator(alias=squash),
        coerce_numbers_to_str=True,
        populate_by_name=True,
        frozen=True,
    )


class FactRow(Facts):
    """A record that is kept as a document. PERSONAL names the fields that are kept apart from it."""

    KIND: ClassVar[RecordKind]
    PERSONAL: ClassVar[frozenset[str]] = frozenset()

    contract_account: Id | None = None
    meter_id: Id | None = Field(None, alias="meterid")

    def key(self) -> tuple[str, ...]:
        """What identifies the record among those of its kind."""
        raise NotImplementedError

    @classmethod
    def id_of(cls, *key: str) -> str:
        return record_id(cls.KIND.value[:3], *key)

    def record(self, row: int) -> Record:
        columns = {"kind": self.KIND.value, "account_number": self.contract_account, "meter_id": self.meter_id}
        apart = self.PERSONAL | {"contract_account", "meter_id", "content"}
        personal = {name: str(value) for name in sorted(self.PERSONAL) if (value := getattr(self, name)) is not None}
        return Record(
            self.KIND,
            self.id_of(*self.key()),
            row,
            columns,
            facts=self.model_dump(mode="json", exclude=set(apart), exclude_none=True),
            personal=personal,
            file=self.document(),
        )

    def document(self) -> bytes | None:
        return None


class Contact(Facts):
    """Where an organisation or a person is reached."""

    street: Words | None = None
    city: Words | None = None
    state: Words | None = None
    postal_code: Words | None = None
    country: Words | None = None
    phone: Words | None = None
    email: Words | None = None


class ProgramDate(Facts):
    """`code` is the utility's for dates of this type; `name` and `note` explain it."""

    type: ProgramDateType
    date: Day | None = None
    code: Annotated[Words, Field(max_length=64)] | None = None
    name: Words | None = None
    note: Words | None = None


class Program(Facts):
    """A demand response programme and what the customer has to do with it. `description` is an address."""

    name: Words
    status: EnrollmentStatus | None = None
    description: Url | None = None
    dates: list[ProgramDate] = Field([], max_length=20)


class AgreementRow(FactRow):
    """A contract between customer and supplier, of one meter or of a whole account; both days of a span included."""

    KIND: ClassVar = RecordKind.AGREEMENT

    contract_account: Id
    agreement_id: Id
    supplier_id: Id | None = None
    type: Words | None = None
    status: Words | None = None
    sign_date: Day | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None
    load_management: Words | None = None
    is_pre_pay: bool | None = None
    shut_off_date: Day | None = None
    currency: Currency | None = None
    tariff_url: Annotated[list[Url], BeforeValidator(_split)] = Field([], max_length=20, alias="tariffurl")
    programs: list[Program] = Field([], max_length=20)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.valid_until is not None and (self.valid_from is None or self.valid_until < self.valid_from):
            raise ValueError("ValidUntil needs a ValidFrom that is not after it")
        return self

    def key(self) -> tuple[str, ...]:
        return (self.contract_account, self.agreement_id, self.meter_id or "")


class SupplierRow(Contact, FactRow):
    """A business, so nothing of it is personal."""

    KIND: ClassVar = RecordKind.SUPPLIER

    supplier_id: Id
    name: Words
    kind: SupplierKind | None = None
    issuer_identification_number: Words | None = None
    effective_date: Day | None = None
    web: Words | None = None

    def key(self) -> tuple[str, ...]:
        return (self.supplier_id,)


class Notification(Facts):
    """How and about what the customer was told."""

    method: MethodKind
    time: Moment
    note: Words
    kind: Words


class AccountRow(Contact, FactRow):
    """A billing account; the contact is who pays. Names and places that the mirror has need not be sent again."""

    KIND: ClassVar = RecordKind.ACCOUNT
    PERSONAL: ClassVar = frozenset({*Contact.model_fields, "contact_name", "special_need"})

    contract_account: Id
    customer_kind: CustomerKind | None = None
    customer_status: Words | None = None
    special_need: Words | None = None
    puc_number: Words | None = None
    locale: Words | None = None
    status: Words | None = None
    billing_cycle: Words | None = None
    budget_bill: Words | None = None
    last_bill_amount: Number | None = None
    currency: Currency | None = None
    notifications: list[Notification] = Field([], max_length=100)
    contact_name: Words | None = None

    def key(self) -> tuple[str, ...]:
        return (self.contract_account,)


class Statement(FactRow):
    """An issued bill as a document, without its bytes."""

    KIND: ClassVar = RecordKind.STATEMENT
    PERSONAL: ClassVar = frozenset({"file_name"})

    contract_account: Id
    statement_id: Id
    issue_date: Day | None = None
    file_name: Words | None = None
    media_type: MediaType

    def key(self) -> tuple[str, ...]:
        return (self.contract_account, self.statement_id)


class StatementRow(Statement):
    """`content` is the document in base64."""

    content: str

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if not self.document():
            raise ValueError("Content is empty")
        return self

    def document(self) -> bytes:
        if len(self.content) > (MOST_STATEMENT_BYTES + 2) // 3 * 4:
            raise ValueError(f"Content is larger than {MOST_STATEMENT_BYTES} bytes")
        try:
            return base64.b64decode(self.content, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("Content is not base64") from None


class PowerQualityRow(FactRow):
    """Power quality of a meter over whole days, both included, as the protocol defines each figure.

    long_term_flicker   Plt [1];  short_term_flicker Pst [1]
    harmonic_voltage    total harmonic distortion [%]
    mains_voltage       mains signalling voltage [V];  power_frequency [Hz]
    the others          counts of events
    """

    KIND: ClassVar = RecordKind.POWER_QUALITY

    meter_id: Id = Field(alias="meterid")
    period_start: Day
    period_end: Day
    protocol: Literal["IEEE1519-2009", "EN50160"] | None = None
    long_term_flicker: Number | None = None
    short_term_flicker: Number | None = None
    harmonic_voltage: Number | None = None
    mains_voltage: Number | None = None
    power_frequency: Number | None = None
    long_interruptions: int | None = Field(None, ge=0)
    short_interruptions: int | None = Field(None, ge=0)
    rapid_voltage_changes: int | None = Field(None, ge=0)
    supply_voltage_dips: int | None = Field(None, ge=0)
    supply_voltage_imbalance: int | None = Field(None, ge=0)
    supply_voltage_variations: int | None = Field(None, ge=0)
    temporary_overvoltages: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.period_end < self.period_start:
            raise ValueError("PeriodEnd is before PeriodStart")
        return self

    def key(self) -> tuple[str, ...]:
        return (self.meter_id, self.period_start.isoformat())


class LocationRow(FactRow):
    """The place where a meter hangs; the mirror's address stands where none is sent. Positions are WGS 84 degrees."""

    KIND: ClassVar = RecordKind.LOCATION
    PERSONAL: ClassVar = frozenset({"street", "city", "longitude", "latitude", "access_method", "site_access_problem"})

    meter_id: Id = Field(alias="meterid")
    type: Words | None = None
    street: Words | None = None
    city: Words | None = None
    state: Words | None = None
    postal_code: Words | None = None
    country: Words | None = None
    longitude: Number | None = Field(None, ge=-180, le=180)
    latitude: Number | None = Field(None, ge=-90, le=90)
    direction: Words | None = None
    status: Words | None = None
    access_method: Words | None = None
    site_access_problem: Words | None = None
    needs_inspection: bool | None = None
    outage_block: Annotated[Words, Field(max_length=32)] | None = None

    def key(self) -> tuple[str, ...]:
        return (self.meter_id,)


class Multiplier(Facts):
    kind: MultiplierKind
    value: Number


class DeviceRow(FactRow):
    """The meter itself (role `meter`), or another device at its place. Its install code is never taken."""

    KIND: ClassVar = RecordKind.DEVICE

    meter_id: Id = Field(alias="meterid")
    device_id: Id = Field(alias="deviceid")
    role: Literal["meter", "end_device"] = "meter"
    type: Words | None = None
    utc_number: Words | None = None
    serial_number: Words | None = None
    lot_number: Words | None = None
    is_critical: bool | None = None
    manufactured_on: Day | None = None
    installed_on: Day | None = None
    removed_on: Day | None = None
    status: Words | None = None
    is_virtual: bool | None = None
    is_pan: bool | None = None
    amr_system: Words | None = None
    form_number: Words | None = None
    interval_length: int | None = Field(None, ge=0, le=2**32 - 1)
    multipliers: list[Multiplier] = Field([], max_length=20)

    def key(self) -> tuple[str, ...]:
        return (self.meter_id, self.device_id)


FACT_ROWS: dict[RecordKind, type[FactRow]] = {
    each.KIND: each
    for each in (AgreementRow, SupplierRow, AccountRow, StatementRow, PowerQualityRow, LocationRow, DeviceRow)
}

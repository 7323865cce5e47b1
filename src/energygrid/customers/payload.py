"""The customer payload: what a CIS says about one customer (contract 1.4 and P-1), and its rules.

One model serves the push body, a batch line, the answer of a utility-hosted PowerBox and our own answers. Field
names on the wire are the published ones.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from energygrid.customers.complaints import Complaint, Notice, complaints_of, invalid
from energygrid.customers.settings import CustomerSettings
from energygrid.errors import Invalid

ID_PATTERN = r"^[\x21-\x7E]{1,64}$"
TEXT_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
_US_OR_CA_POSTAL = re.compile(r"[0-9]{5}(-[0-9]{4})?|[A-Z][0-9][A-Z] [0-9][A-Z][0-9]")
_NAMES_OR_STREET = {"firstName", "lastName", "businessName", "address1"}


def _composed(text: str) -> str | None:
    """NFC; an empty text says nothing and counts as absent."""
    return unicodedata.normalize("NFC", text) or None


def _whole_number(value: object) -> object:
    """JSON knows one kind of number: 1.0 is the integer 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Id = Annotated[str, StringConstraints(strict=True, pattern=ID_PATTERN)]
OptionalId = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[\x21-\x7E]{0,64}$"),
    AfterValidator(lambda text: text or None),
]
Text = Annotated[str, StringConstraints(strict=True, max_length=100, pattern=TEXT_PATTERN), AfterValidator(_composed)]
ShortText = Annotated[
    str, StringConstraints(strict=True, max_length=20, pattern=TEXT_PATTERN), AfterValidator(_composed)
]
Status = Annotated[
    str, StringConstraints(strict=True, max_length=4, pattern=r"^[\x21-\x7E]*$"), AfterValidator(_composed)
]
Flag = Annotated[bool, Field(strict=True)]
BillingCycle = Annotated[Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)] | Id, BeforeValidator(_whole_number)]


def _raw(value: object) -> object:
    """An obsolete field is kept, not understood: any short text, number or flag."""
    if isinstance(value, str) and (len(value) > 100 or not re.fullmatch(TEXT_PATTERN, value)):
        raise ValueError("must be at most 100 characters without control characters")
    if not isinstance(value, str | int | float):
        raise ValueError("must be a text, a number or a flag")  # noqa: TRY004 - pydantic reports ValueError
    return value


Raw = Annotated[
    Any,
    AfterValidator(_raw),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": 100, "pattern": TEXT_PATTERN},
                {"type": "number"},
                {"type": "boolean"},
            ]
        }
    ),
]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class MeterEntry(_Wire):
    """One meter as the payload names it; the tutorial prints the first six fields in this order."""

    meter_id: Id
    meter_type: Literal["Electric", "Gas", "Water", "Heat"]
    unit_of_measure: Literal["kWh", "Wh", "MWh", "ccf", "cm", "m3", "ft3", "therms", "gal"] | None = None
    is_ami: Flag = Field(alias="isAMI")
    rate_code: Id
    billing_cycle_id: BillingCycle
    account_number: OptionalId | None = None
    is_primary: Flag | None = None
    is_amr: Flag | None = Field(None, alias="isAMR")
    pan_id: Raw | None = Field(None, alias="PANID")
    rate_multiplier: Raw | None = None
    dial_count: Raw | None = None


class Site(_Wire):
    """One premise of the customer, with what hangs on its walls."""

    external_site_id: Id
    is_primary: Flag | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    address1: Text | None = None
    city: Text | None = None
    state: ShortText | None = None
    postal_code: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=20, pattern=TEXT_PATTERN)]
    meters: Annotated[list[MeterEntry], Field(max_length=100)]


class CustomerPayload(_Wire):
    """The whole truth about one client: what it does not name, the client no longer has."""

    client_id: Id
    first_name: Text | None = None
    last_name: Text | None = None
    business_name: Text | None = None
    acct_status: Status | None = Field(None, alias="AcctStatus")
    customer_sites: Annotated[list[Site], Field(max_length=100)]

    def document(self) -> dict[str, Any]:
        """The wire form: published key order, absent fields left out."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def without_names(self) -> "CustomerPayload":
        """The same customer without names and street addresses; postal code, city and state stay."""
        nameless = {"first_name": None, "last_name": None}
        sites = [site.model_copy(update=nameless | {"address1": None}) for site in self.customer_sites]
        return self.model_copy(update=nameless | {"business_name": None, "customer_sites": sites})

    def canonical(self) -> bytes:
        """Equal content, equal bytes: sorted keys, absent and null fields the same."""
        return msgspec.json.encode(self.document(), order="sorted")

    def meter_ids(self) -> Iterator[str]:
        return (meter.meter_id for site in self.customer_sites for meter in site.meters)


@dataclass(frozen=True, slots=True)
class Checked:
    """A payload that may be stored, and what the sender should know about it."""

    payload: CustomerPayload
    notices: tuple[Notice, ...]


def decode_json(body: bytes) -> object:
    """The JSON value of a body; Invalid MALFORMED_JSON when it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid("MALFORMED_JSON", f"the body is not JSON: {error}") from error


def check_payload(value: object, settings: CustomerSettings) -> Checked:
    """Check one decoded payload against the minimal profile (raises) and the full one (notices).

    Raises Invalid: MISSING_FIELD when a required field is absent, else INVALID_PAYLOAD; the facts list each
    complaint as {"field", "message"}.
    """
    try:
        payload = CustomerPayload.model_validate(value)
    except ValidationError as error:
        raise invalid(complaints_of(error)) from error
    wrong = [*_wrong_codes(payload, settings), *_twice(payload)]
    if wrong:
        raise invalid(wrong)
    payload = _with_the_only_site_primary(payload)
    notices = [*_unknown_fields(value), *_odd(payload)]
    if settings.warn_below_full:
        notices += _below_full(payload)
    return Checked(payload, tuple(notices))


def _with_the_only_site_primary(payload: CustomerPayload) -> CustomerPayload:
    """P-1: a single site is the primary one unless the CIS says otherwise."""
    if len(payload.customer_sites) != 1 or payload.customer_sites[0].is_primary is not None:
        return payload
    site = payload.customer_sites[0].model_copy(update={"is_primary": True})
    return payload.model_copy(update={"customer_sites": [site]})


def _wrong_codes(payload: CustomerPayload, settings: CustomerSettings) -> Iterator[Complaint]:
    postal = re.compile(settings.postal_code_pattern) if settings.postal_code_pattern else _US_OR_CA_POSTAL
    for at, site in enumerate(payload.customer_sites):
        if not postal.fullmatch(site.postal_code):
            yield Complaint(f"customerSites[{at}].postalCode", "is not a postal code of this utility's country")
        if site.state is not None and not re.fullmatch(settings.state_pattern, site.state):
            yield Complaint(f"customerSites[{at}].state", "is not a state or province code")


def _twice(payload: CustomerPayload) -> Iterator[Complaint]:
    premises: set[str] = set()
    meters: set[str] = set()
    for at, site in enumerate(payload.customer_sites):
        if site.external_site_id in premises:
            yield Complaint(f"customerSites[{at}].externalSiteId", "names a premise a second time")
        premises.add(site.external_site_id)
        for nth, meter in enumerate(site.meters):
            if meter.meter_id in meters:
                yield Complaint(f"customerSites[{at}].meters[{nth}].meterId", "names a meter a second time")
            meters.add(meter.meter_id)


def _unknown_fields(value: object) -> Iterator[Notice]:
    """Fields nobody published are ignored but counted, at each level of the payload."""
    yield from _unknown(CustomerPayload, value, "")
    for site_at, site in _entries(value, "customerSites", ""):
        yield from _unknown(Site, site, f"{site_at}.")
        for meter_at, meter in _entries(site, "meters", f"{site_at}."):
            yield from _unknown(MeterEntry, meter, f"{meter_at}.")


def _entries(value: object, name: str, where: str) -> list[tuple[str, object]]:
    entries = value.get(name) if isinstance(value, dict) else None
    return [(f"{where}{name}[{n}]", entry) for n, entry in enumerate(entries or ())]


def _unknown(model: type[_Wire], value: object, where: str) -> Iterator[Notice]:
    if isinstance(value, dict):
        known = {field.alias for field in model.model_fields.values()}
        for name in value.keys() - known:
            yield Notice("UNKNOWN_FIELD", f"{where}{name[:64]}", "is not a known field")


def _odd(payload: CustomerPayload) -> Iterator[Notice]:
    if sum(site.is_primary is True for site in payload.customer_sites) > 1:
        yield Notice("SEVERAL_PRIMARY", "customerSites", "more than one site is primary")
    premise_of: dict[str, str] = {}
    for at, site in enumerate(payload.customer_sites):
        for account in {meter.account_number for meter in site.meters if meter.account_number}:
            if premise_of.setdefault(account, site.external_site_id) != site.external_site_id:
                where = f"customerSites[{at}].meters"
                yield Notice("ACCOUNT_ON_SEVERAL_PREMISES", where, "accountNumber must differ between premises")


def _below_full(payload: CustomerPayload) -> Iterator[Notice]:
    """The Integration Guide's required set (1.4) beyond the launch minimum."""
    for at, site in enumerate(payload.customer_sites):
        where = f"customerSites[{at}]"
        for name in ("is_primary", "address1", "city", "state"):
            if getattr(site, name) is None:
                yield _recommended(f"{where}.{to_camel(name)}")
        for nth, meter in enumerate(site.meters):
            if meter.is_primary is None:
                yield _recommended(f"{where}.meters[{nth}].isPrimary")


def _recommended(field: str) -> Notice:
    return Notice("FIELD_RECOMMENDED", field, "is absent; the full profile has it")

"""What stands inside each customer resource, in the order of the schema; what is not known has no element.

`blocks` are the function blocks of the consent that narrow it: 54 names and numbers, 55 demographics, 56 billing,
57 agreements, 58 places. Source: contracts/greenbutton.md 1.3 and 4.
"""

from collections.abc import Mapping
from datetime import date

from energygrid.billing.records.facts import (
    AccountRow,
    AgreementRow,
    Contact,
    Program,
    ProgramDate,
    Statement,
    SupplierRow,
)
from energygrid.customers.queries.reading import AnyRow
from energygrid.customers.status import status_word
from energygrid.greenbutton.atom import Content, Scalar
from energygrid.greenbutton.customer.picture import Place
from energygrid.greenbutton.usage.money import currency_number, money
from energygrid.metering.calendar import day_span

_MOST_NAME = 64
_NO_ACCOUNT = AccountRow(contract_account="-")
"""An account of which the utility has sent nothing."""

Part = tuple[str, "Scalar | Content | None"]


def content(*parts: Part) -> Content:
    """The parts that are there: neither None nor an element without anything in it."""
    return tuple((name, value) for name, value in parts if value is not None and value != ())


def epoch(day: date | None, zone: str) -> int | None:
    """The first instant of a local day."""
    return None if day is None else int(day_span(day, zone).start.timestamp())


def status(value: str | None) -> Content:
    return content(("value", value))


def address(
    street: str | None, town: str | None, state: str | None, postal_code: str | None, country: str | None = None
) -> Content:
    return content(
        ("streetDetail", content(("addressGeneral", street))),
        ("townDetail", content(("name", town), ("stateOrProvince", state), ("country", country))),
        ("postalCode", postal_code),
    )


def address_of(contact: Contact | None, place: Place | None) -> Content:
    """What the utility sent for this purpose, else the place of the mirror."""
    if contact is not None and (contact.street or contact.city or contact.postal_code):
        return address(contact.street, contact.city, contact.state, contact.postal_code, contact.country)
    return () if place is None else address(place.street, place.city, place.state, place.postal_code)


def organisation(contact: Contact | None, place: Place | None, name: str | None, web: str | None = None) -> Content:
    phone, email = (None, None) if contact is None else (contact.phone, contact.email)
    return content(
        ("streetAddress", address_of(contact, place)),
        ("phone1", content(("localNumber", phone))),
        ("electronicAddress", content(("email1", email), ("web", web))),
        ("organisationName", name),
    )


def customer(
    row: AnyRow, names: Mapping[str, str], account: AccountRow | None, place: Place | None, blocks: frozenset[int]
) -> Content:
    is_named, is_described = 54 in blocks, 55 in blocks
    business = names.get("businessName")
    person = " ".join(names[part] for part in ("firstName", "lastName") if names.get(part))
    sent = None if account is None else account.customer_status
    standing = sent or (status_word(row.acct_status) if row.acct_status else None)
    told = account if account is not None and is_described else _NO_ACCOUNT
    return content(
        ("Organisation", organisation(told, place if is_described else None, business if is_named else None)),
        ("kind", told.customer_kind),
        ("specialNeed", told.special_need),
        ("pucNumber", told.puc_number),
        ("status", status(standing) if is_named else None),
        ("locale", told.locale),
        ("customerName", (person or business) if is_named else None),
    )


def account(
    number: str | None, facts: AccountRow | None, cycle: str | None, place: Place | None, blocks: frozenset[int]
) -> Content:
    """`cycle` is the mirror's billing cycle of all meters of the account, where it is one."""
    is_named, is_billed = 54 in blocks, 56 in blocks
    told = _NO_ACCOUNT if facts is None else facts
    billed = told if is_billed else _NO_ACCOUNT
    notes: list[Part] = [
        (
            "notifications",
            (
                ("methodKind", each.method),
                ("time", int(each.time.timestamp())),
                ("note", each.note),
                ("customerNotificationKind", each.kind),
            ),
        )
        for each in billed.notifications
    ]
    contact = organisation(told, place, told.contact_name) if 55 in blocks else ()
    return content(
        ("name", number[:_MOST_NAME] if number and is_named else None),
        ("status", status(told.status) if is_named else None),
        ("billingCycle", (billed.billing_cycle or cycle) if is_billed else None),
        ("budgetBill", billed.budget_bill),
        ("lastBillAmount", None if billed.last_bill_amount is None else money(billed.last_bill_amount)),
        *notes,
        ("contactInfo", contact),
        ("accountId", number if is_named else None),
    )


def agreement(facts: AgreementRow | None, zone: str) -> Content:
    if facts is None:
        return ()
    start = epoch(facts.valid_from, zone)
    end = None if facts.valid_until is None else int(day_span(facts.valid_until, zone).end.timestamp())
    duration = None if start is None or end is None else end - start
    return content(
        ("name", facts.agreement_id[:_MOST_NAME]),
        ("type", facts.type),
        ("status", status(facts.status)),
        ("signDate", epoch(facts.sign_date, zone)),
        ("validityInterval", content(("duration", duration), ("start", start))),
        ("loadMgmt", facts.load_management),
        ("isPrePay", facts.is_pre_pay),
        ("shutOffDateTime", epoch(facts.shut_off_date, zone)),
        *(("DemandResponseProgram", _program(each, zone)) for each in facts.programs),
        *(("PricingStructures", each) for each in facts.tariff_url),
        ("currency", None if facts.currency is None else currency_number(facts.currency)),
        ("agreementId", facts.agreement_id),
    )


def _program(program: Program, zone: str) -> Content:
    dates: list[Part] = [
        (
            "programDate",
            content(("programDate", epoch(each.date, zone)), ("programDateDescription", each.code or each.type)),
        )
        for each in program.dates
        if each.date is not None
    ]
    return content(
        ("programName", program.name),
        ("enrollmentStatus", program.status),
        ("programDescription", program.description),
        *dates,
    )


def mapping(program: Program, dated: ProgramDate) -> Content:
    """What a programme's code for a date means; only for dates that have a code."""
    inside = content(
        ("programDateType", dated.type),
        ("code", dated.code),
        ("name", dated.name or program.name),
        ("note", dated.note),
    )
    return (("programDateIdMapping", inside),)


def supplier(facts: SupplierRow, zone: str) -> Content:
    return content(
        ("Organisation", organisation(facts, None, facts.name, facts.web)),
        ("kind", facts.kind),
        ("issuerIdentificationNumber", facts.issuer_identification_number),
        ("effectiveDate", epoch(facts.effective_date, zone)),
    )


def statement(facts: Statement, url: str, zone: str) -> Content:
    reference = content(("fileName", facts.file_name), ("mediaType", facts.media_type), ("statementURL", url))
    return content(("issueDateTime", epoch(facts.issue_date, zone)), ("statementRef", reference))

"""What a resource of the customer side says, under the names of our fields; what it does not say is left out.

Sources before 2020 write numbers into `name` and the postal code into the town, later ones into elements of their own.
"""

from collections.abc import Iterable

from energygrid.billing.records.espi.draft import Fields
from energygrid.billing.records.espi.reading import count, currency, day, flag, instant, last_day, money, number, said
from energygrid.metering.told import Told, Tree, Value, all_of, inside, text, texts

_DATE_TYPES = frozenset(
    {
        "CUST_DR_PROGRAM_ENROLLMENT_DATE",
        "CUST_DR_PROGRAM_DE_ENROLLMENT_DATE",
        "CUST_DR_PROGRAM_TERM_DATE_REGARDLESS_FINANCIAL",
        "CUST_DR_PROGRAM_TERM_DATE_WITHOUT_FINANCIAL",
    }
)


def customer(told: Told) -> Fields:
    """Of the person or business itself. Names are the mirror's."""
    return said(
        customer_kind=told.text("kind"),
        customer_status=told.text("status", "value"),
        special_need=told.text("specialNeed"),
        puc_number=told.text("pucNumber"),
        locale=told.text("locale"),
    )


def account_number(told: Told) -> str | None:
    return told.text("accountId") or told.text("name")


def account(told: Told) -> Fields:
    notifications = [
        said(
            method=text(each, "methodKind"),
            time=None if (at := number(each, "time")) is None else instant(at),
            note=text(each, "note"),
            kind=text(each, "customerNotificationKind"),
        )
        for each in all_of(told.tree, "notifications")
    ]
    contact = inside(told.tree, "contactInfo")
    return said(
        status=_status(told.tree),
        billing_cycle=told.text("billingCycle"),
        budget_bill=told.text("budgetBill"),
        last_bill_amount=money(told.tree, "lastBillAmount"),
        notifications=notifications,
        contact_name=text(contact, "organisationName"),
        **organisation(contact),
    )


def organisation(found: "Value | None") -> Fields:
    """How it is reached, without its name."""
    return said(
        **address(inside(found, "streetAddress") or inside(found, "postalAddress")),
        phone=_phone(inside(found, "phone1")),
        email=text(found, "electronicAddress", "email1"),
    )


def address(found: "Value | None") -> Fields:
    street, town = inside(found, "streetDetail"), inside(found, "townDetail")
    parts = " ".join(part for name in ("number", "name", "type") if (part := text(street, name)))
    return said(
        street=text(street, "addressGeneral") or parts or None,
        city=text(town, "name"),
        state=text(town, "stateOrProvince"),
        postal_code=text(found, "postalCode") or text(town, "code"),
        country=text(town, "country"),
    )


def _phone(found: "Value | None") -> str | None:
    parts = (text(found, name) for name in ("countryCode", "areaCode", "cityCode", "localNumber", "ext"))
    return " ".join(part for part in parts if part) or None


def _status(tree: Tree) -> str | None:
    return text(tree, "status", "value") or text(tree, "docStatus", "value")


def agreement_number(told: Told) -> str | None:
    return told.text("agreementId") or told.text("name")


def agreement(told: Told, mappings: Iterable[Told], zone: str) -> Fields:
    """`mappings` are its ProgramDateIdMappings: they explain the codes of its dates."""
    interval = inside(told.tree, "validityInterval")
    return said(
        type=told.text("type"),
        status=_status(told.tree),
        sign_date=day(told.tree, zone, "signDate"),
        valid_from=day(interval, zone, "start"),
        valid_until=last_day(interval, zone),
        load_management=told.text("loadMgmt"),
        is_pre_pay=flag(told.tree, "isPrePay"),
        shut_off_date=day(told.tree, zone, "shutOffDateTime"),
        currency=currency(told.tree),
        tariff_url=texts(told.tree, "PricingStructures"),
        programs=_programs(told.tree, mappings, zone),
    )


def _programs(tree: Tree, mappings: Iterable[Told], zone: str) -> list[Fields]:
    """A code that is used by no date belongs to the programme of its name, or to the only one."""
    explained = [each for told in mappings for each in all_of(told.tree, "programDateIdMapping")]
    codes = {code: each for each in explained if (code := text(each, "code"))}
    programs = list(all_of(tree, "DemandResponseProgram"))
    found: list[Fields] = []
    used: set[str] = set()
    for program in programs:
        dates = []
        for dated in all_of(program, "programDate"):
            word = text(dated, "programDateDescription") or ""
            if word in codes:
                used.add(word)
                dates.append(said(**_meaning(codes[word], program), date=day(dated, zone, "programDate")))
            elif word in _DATE_TYPES:
                dates.append(said(type=word, date=day(dated, zone, "programDate")))
        fields = said(
            name=text(program, "programName"),
            status=text(program, "enrollmentStatus"),
            description=text(program, "programDescription"),
        )
        found.append({**fields, "dates": dates})
    for code, meaning in codes.items():
        homes = [n for n, each in enumerate(programs) if text(meaning, "name") == text(each, "programName")]
        homes = homes or list(range(len(programs)))
        if code not in used and len(homes) == 1:
            found[homes[0]]["dates"].append(_meaning(meaning, programs[homes[0]]))
    return found


def _meaning(mapping: Tree, program: Tree) -> Fields:
    name = text(mapping, "name")
    return said(
        type=text(mapping, "programDateType"),
        code=text(mapping, "code"),
        name=None if name == text(program, "programName") else name,
        note=text(mapping, "note"),
    )


def has_programs(agreement: Told) -> bool:
    return inside(agreement.tree, "DemandResponseProgram") is not None


def supplier_name(told: Told) -> str | None:
    return told.text("Organisation", "organisationName")


def supplier(told: Told, zone: str) -> Fields:
    organised = inside(told.tree, "Organisation")
    return said(
        name=supplier_name(told),
        kind=told.text("kind"),
        issuer_identification_number=told.text("issuerIdentificationNumber"),
        effective_date=day(told.tree, zone, "effectiveDate"),
        web=text(organised, "electronicAddress", "web"),
        **organisation(organised),
    )


def location(told: Told) -> Fields:
    place = inside(told.tree, "positionPoints")
    return said(
        **address(inside(told.tree, "mainAddress")),
        type=told.text("type"),
        direction=told.text("direction"),
        status=_status(told.tree),
        longitude=text(place, "xPosition"),
        latitude=text(place, "yPosition"),
        access_method=told.text("accessMethod"),
        site_access_problem=told.text("siteAccessProblem"),
        needs_inspection=flag(told.tree, "needsInspection"),
        outage_block=told.text("outageBlock"),
    )


def serial_number(told: Told) -> str | None:
    return told.text("serialNumber") or (told.text("name") if told.kind == "Meter" else None)


def device(told: Told, zone: str) -> Fields:
    """A multiplier that has no value says nothing."""
    lifecycle = inside(told.tree, "lifecycle")
    multipliers = [
        {"kind": text(each, "kind"), "value": text(each, "value")}
        for each in all_of(told.tree, "MeterMultipliers")
        if text(each, "kind") and text(each, "value")
    ]
    return said(
        type=told.text("type"),
        utc_number=told.text("utcNumber"),
        serial_number=serial_number(told),
        lot_number=told.text("lotNumber"),
        is_critical=flag(told.tree, "critical"),
        manufactured_on=day(lifecycle, zone, "manufacturedDate"),
        installed_on=day(lifecycle, zone, "installationDate"),
        removed_on=day(lifecycle, zone, "removalDate"),
        status=_status(told.tree),
        is_virtual=flag(told.tree, "isVirtual"),
        is_pan=flag(told.tree, "isPan"),
        amr_system=told.text("amrSystem"),
        form_number=told.text("formNumber"),
        interval_length=count(told.tree, "intervalLength"),
        multipliers=multipliers,
    )

"""What stands inside a place and the devices at it, in the order of the schema; what is not known has no element.

Source: contracts/greenbutton.md 1.3.
"""

from decimal import Decimal

from energygrid.billing.records.facts import DeviceRow, LocationRow
from energygrid.customers.queries.reading import AnyRow
from energygrid.devices.mac import show_mac
from energygrid.devices.queries import Bind
from energygrid.greenbutton.atom import Content
from energygrid.greenbutton.customer.contents import Part, address, address_of, content, epoch, status
from energygrid.greenbutton.customer.picture import Place


def location(
    facts: LocationRow | None, place: Place | None, usage_point: str, *, is_held: bool, blocks: frozenset[int]
) -> Content:
    """Without block 58 only which usage point it is: devices hang below it."""
    points: Part = ("UsagePoints", (("UsagePoint", usage_point),))
    if 58 not in blocks:
        return content(points)
    if facts is None:
        return content(("mainAddress", address_of(None, place)), points)
    return content(
        ("type", facts.type),
        ("mainAddress", _main_address(facts, place)),
        ("direction", facts.direction),
        ("status", status(facts.status)),
        ("positionPoints", content(("xPosition", _text(facts.longitude)), ("yPosition", _text(facts.latitude)))),
        ("accessMethod", facts.access_method if is_held else None),
        ("siteAccessProblem", facts.site_access_problem if is_held else None),
        ("needsInspection", facts.needs_inspection if is_held else None),
        points,
        ("outageBlock", facts.outage_block),
    )


def _main_address(facts: LocationRow, place: Place | None) -> Content:
    """Part by part what the utility sent for the place, else what the mirror has."""
    if place is None:
        return address(facts.street, facts.city, facts.state, facts.postal_code, facts.country)
    return address(
        facts.street or place.street,
        facts.city or place.city,
        facts.state or place.state,
        facts.postal_code or place.postal_code,
        facts.country,
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def meter(row: AnyRow, facts: DeviceRow | None, zone: str) -> Content:
    """The mirror's meter; its number stands for the serial number where the utility sends no other."""
    reading = "AMI" if row.is_ami else "AMR" if row.is_amr else None
    if facts is None:
        return content(("type", reading), ("serialNumber", row.meter_id))
    return content(
        *_asset(facts, zone, facts.type or reading, facts.serial_number or row.meter_id),
        ("formNumber", facts.form_number),
        *(("MeterMultipliers", (("kind", each.kind), ("value", f"{each.value:f}"))) for each in facts.multipliers),
        ("intervalLength", facts.interval_length),
    )


def end_device(facts: DeviceRow, zone: str) -> Content:
    return content(*_asset(facts, zone, facts.type, facts.serial_number or facts.device_id))


def _asset(facts: DeviceRow, zone: str, type_: str | None, serial_number: str | None) -> list[Part]:
    lifecycle = content(
        ("manufacturedDate", epoch(facts.manufactured_on, zone)),
        ("installationDate", epoch(facts.installed_on, zone)),
        ("removalDate", epoch(facts.removed_on, zone)),
    )
    return [
        ("type", type_),
        ("utcNumber", facts.utc_number),
        ("serialNumber", serial_number),
        ("lotNumber", facts.lot_number),
        ("critical", facts.is_critical),
        ("lifecycle", lifecycle),
        ("status", status(facts.status)),
        ("isVirtual", facts.is_virtual),
        ("isPan", facts.is_pan),
        ("amrSystem", facts.amr_system),
    ]


def bound_device(bind: Bind) -> Content:
    """A device on the meter's home area network. Its install code is nobody's to know."""
    joined = None if bind.paired_at is None else int(bind.paired_at.timestamp())
    return content(
        ("type", bind.device_type.value),
        ("electronicAddress", content(("mac", show_mac(bind.mac)))),
        ("lifecycle", content(("installationDate", joined))),
        ("isPan", True),
    )

"""Everything that is known behind the customer side of one entitlement, read in a fixed number of statements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.billing.records import known
from energygrid.billing.records.facts import AccountRow, AgreementRow, DeviceRow, LocationRow, Statement, SupplierRow
from energygrid.billing.records.known import Known
from energygrid.customers.meters import holdings_of_client
from energygrid.customers.privacy import Privacy
from energygrid.devices.binding import State
from energygrid.devices.queries import Bind, active_binds_of
from energygrid.greenbutton.customer import queries
from energygrid.greenbutton.customer.queries import AnyRow
from energygrid.greenbutton.entitlement import Entitlement, SharedMeter
from energygrid.greenbutton.usage.context import Context
from energygrid.metering.calendar import day_span
from energygrid.metering.series import series_of_owners
from energygrid.metering.settings import MeteringSettings

_JOINED = frozenset({State.PAIRED, State.RELEASING})


@dataclass(frozen=True, slots=True)
class Place:
    """A premise of the mirror; `street` None where nothing personal is kept, or nothing is known."""

    street: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """By account number (None: the mirror names none), supplier id, premise id or meter id.

    names       firstName, lastName, businessName as far as they are known
    home        the premise that stands for the customer's address, always one of a shared meter
    agreements  the one that holds now for each meter, else the last that began
    """

    ctx: Context
    customer: AnyRow
    names: Mapping[str, str]
    home: str | None
    places: Mapping[str, Place]
    meters: Mapping[str, AnyRow]
    accounts: Mapping[str, Known[AccountRow]]
    agreements: Mapping[str, Known[AgreementRow]]
    suppliers: Mapping[str, Known[SupplierRow]]
    locations: Mapping[str, Known[LocationRow]]
    devices: Mapping[str, Sequence[Known[DeviceRow]]]
    binds: Mapping[str, Sequence[Bind]]
    statements: Sequence[Known[Statement]]
    zones: Mapping[str, str]

    @property
    def by_account(self) -> dict[str | None, list[SharedMeter]]:
        found: dict[str | None, list[SharedMeter]] = {}
        for each in self.ctx.entitlement.meters:
            found.setdefault(each.account_number, []).append(each)
        return found

    def statements_of(self, meter: SharedMeter) -> list[Known[Statement]]:
        return [
            each
            for each in self.statements
            if each.facts.contract_account == meter.account_number and each.facts.meter_id in {None, meter.meter_id}
        ]

    def is_held(self, meter: SharedMeter) -> bool:
        """Whether the customer still holds the meter: what is told of visits to a place is told of those there now."""
        end = meter.spans[-1].end
        return end is None or end > self.ctx.now


def picture_of(db: Connection, ctx: Context) -> Picture | None:
    """None when the customer is not known, or not any more."""
    shared, tenant = ctx.entitlement, ctx.entitlement.tenant
    customer = queries.customer_row(db, tenant.id, shared.customer_id)
    if customer is None:
        return None
    privacy = Privacy.of(tenant, ctx.vault)
    meter_ids = [each.meter_id for each in shared.meters]
    numbers = sorted({each.account_number for each in shared.meters if each.account_number})
    premises = sorted({each.premise_id for each in shared.meters})
    zones = _zones(db, tenant, meter_ids)
    agreements = _agreements(shared.meters, known.agreements(db, tenant.id, numbers), zones, ctx.now)
    supplier_ids = sorted({each.facts.supplier_id for each in agreements.values() if each.facts.supplier_id})
    return Picture(
        ctx=ctx,
        customer=customer,
        names=privacy.read(customer),
        home=_home(premises, queries.primary_premises(db, tenant.id, shared.customer_id)),
        places={key: _place(row, privacy) for key, row in queries.premise_rows(db, tenant.id, premises).items()},
        meters=queries.meter_rows(db, tenant.id, meter_ids),
        accounts=known.accounts(db, ctx.vault, tenant, numbers),
        agreements=agreements,
        suppliers=known.suppliers(db, tenant.id, supplier_ids),
        locations=known.locations(db, ctx.vault, tenant, meter_ids),
        devices=_by_meter(known.devices(db, tenant.id, meter_ids)),
        binds=_binds(db, ctx, meter_ids),
        statements=_statements(db, ctx, numbers, zones),
        zones=zones,
    )


def _place(row: AnyRow, privacy: Privacy) -> Place:
    return Place(privacy.read(row).get("address1"), row.city, row.state, row.postal_code, row.changed_at)


def _home(shared: Sequence[str], primary: Sequence[str]) -> str | None:
    """A premise none of whose meters is shared stays out of sight, primary or not."""
    return next((each for each in shared if each in primary), shared[0] if len(shared) == 1 else None)


def _zones(db: Connection, tenant: Tenant, meter_ids: Sequence[str]) -> dict[str, str]:
    """The zone of each meter's series, else the utility's."""
    zone = tenant.section("metering", MeteringSettings).zone
    found = {each.owner_id: each.zone for each in reversed(list(series_of_owners(db, tenant.id, meter_ids)))}
    return {each: found.get(each, zone) for each in meter_ids}


def _agreements(
    meters: Sequence[SharedMeter], found: Sequence[Known[AgreementRow]], zones: Mapping[str, str], now: datetime
) -> dict[str, Known[AgreementRow]]:
    """An agreement about the meter goes before one about its whole account, one that holds before one that does not."""
    chosen: dict[str, Known[AgreementRow]] = {}
    for meter in meters:
        mine = [
            (each.facts.meter_id is not None, _holds(each, zones[meter.meter_id], now), at)
            for at, each in enumerate(found)
            if each.facts.contract_account == meter.account_number and each.facts.meter_id in {None, meter.meter_id}
        ]
        if mine:
            chosen[meter.meter_id] = found[max(mine)[2]]
    return chosen


def _holds(agreement: Known[AgreementRow], zone: str, now: datetime) -> bool:
    facts = agreement.facts
    begun = facts.valid_from is None or day_span(facts.valid_from, zone).start <= now
    return begun and (facts.valid_until is None or now < day_span(facts.valid_until, zone).end)


def _by_meter(devices: Iterable[Known[DeviceRow]]) -> dict[str, list[Known[DeviceRow]]]:
    found: dict[str, list[Known[DeviceRow]]] = {}
    for each in devices:
        found.setdefault(each.facts.meter_id, []).append(each)
    return found


def _binds(db: Connection, ctx: Context, meter_ids: Sequence[str]) -> dict[str, list[Bind]]:
    """Devices that the customer itself has on the network of its meters."""
    found: dict[str, list[Bind]] = {}
    for bind in active_binds_of(db, ctx.entitlement.tenant.id, meter_ids):
        if bind.state in _JOINED and bind.client_id == ctx.entitlement.customer_id:
            found.setdefault(bind.meter_id, []).append(bind)
    return found


def _statements(
    db: Connection, ctx: Context, numbers: Sequence[str], zones: Mapping[str, str]
) -> list[Known[Statement]]:
    """Statements that tell of nothing but shared meters, issued while these could be seen, or the last one of them.

    One that names no meter is about all the customer has under the account. The first that is issued after the customer
    moved out bills the last days, so it is seen like these; not where somebody else has the account by then, nor where
    the consent, and not the move, is what ended.
    """
    shared = ctx.entitlement
    holdings = holdings_of_client(db, shared.tenant.id, shared.customer_id)
    held = {(each.account_number, each.meter_id) for each in holdings}
    ended = {(each.meter_id, each.until) for each in holdings}
    others = queries.other_holders(db, shared.tenant.id, shared.customer_id, numbers)
    seen = {each.meter_id: each for each in shared.meters}
    found = known.statements(db, ctx.vault, shared.tenant, numbers)

    def is_last(statement: Known[Statement], meter: SharedMeter) -> bool:
        end, zone = meter.spans[-1].end, zones[meter.meter_id]
        at, about = _issued(statement, zone), (statement.facts.contract_account, statement.facts.meter_id)
        if end is None or at < end or (meter.meter_id, end) not in ended:
            return False
        like = (each for each in found if (each.facts.contract_account, each.facts.meter_id) == about)
        before = any(end <= _issued(each, zone) < at for each in like)
        taken = any(row.account_number == about[0] and (row.until is None or row.until > end) for row in others)
        return not before and not taken

    def may_be_seen(statement: Known[Statement]) -> bool:
        facts = statement.facts
        about = [facts.meter_id] if facts.meter_id else [m for number, m in held if number == facts.contract_account]
        meters = [seen.get(each) for each in about]
        return all(
            each is not None and (_seen_at(statement, each, zones[each.meter_id]) or is_last(statement, each))
            for each in meters
        )

    return [each for each in found if may_be_seen(each)]


def _seen_at(statement: Known[Statement], meter: SharedMeter, zone: str) -> bool:
    at = _issued(statement, zone)
    return any((span.start is None or span.start <= at) and (span.end is None or at < span.end) for span in meter.spans)


def _issued(statement: Known[Statement], zone: str) -> datetime:
    day = statement.facts.issue_date
    return day_span(day, zone).start if day is not None else statement.first_known_at


def entitled_to_statement(db: Connection, ctx: Context, wire_id: str) -> Known[Statement] | None:
    """The statement behind an id that was given out under this entitlement."""
    numbers = sorted({each.account_number for each in ctx.entitlement.meters if each.account_number})
    zones = _zones(db, ctx.entitlement.tenant, [each.meter_id for each in ctx.entitlement.meters])
    found = _statements(db, ctx, numbers, zones)
    return next((each for each in found if statement_id(ctx, each) == wire_id), None)


def statement_id(ctx: Context, statement: Known[Statement]) -> str:
    return ctx.opaque("statement", statement.id)


_PARTS = frozenset(range(54, 63))


def is_narrowed(entitlement: Entitlement) -> bool:
    """Whether the consent names some parts of the customer side; one that names none is for all of them."""
    return bool(entitlement.scope.blocks & _PARTS) and not entitlement.scope.blocks >= _PARTS


def blocks_of(entitlement: Entitlement) -> frozenset[int]:
    """Function blocks 54 to 62 as far as they are open."""
    return entitlement.scope.blocks & _PARTS or _PARTS

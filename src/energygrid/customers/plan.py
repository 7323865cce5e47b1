"""What a push changes: the difference between the mirror and the payload, worked out before anything is written.

Pure, so that the rules can be read and tested apart from SQL: what a payload does not name is ended, not deleted; a
meter hangs on one premise at a time; a new client on an occupied premise shares it or replaces who was there.
Source: contracts/powerbox.md 1.4 and P-1.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from energygrid.customers.facts import Contract, CustomerFacts, MeterFacts, Mirror, PremiseFacts, SiteLink
from energygrid.customers.payload import CustomerPayload

Reason = Literal["tenant_changed", "meter_moved", "moved_out", "meter_removed", "account_denied"]


@dataclass(slots=True)
class Plan:
    """Rows to write. Links in `changed_*` keep their id and dates; those in `ended_*` end; the rest begin."""

    customer: CustomerFacts | None = None
    premises: dict[str, PremiseFacts] = field(default_factory=dict)
    meters: dict[str, MeterFacts] = field(default_factory=dict)
    new_rates: dict[str, str] = field(default_factory=dict)
    ended_sites: list[SiteLink] = field(default_factory=list)
    changed_sites: list[SiteLink] = field(default_factory=list)
    begun_sites: list[SiteLink] = field(default_factory=list)
    ended_contracts: list[Contract] = field(default_factory=list)
    changed_contracts: list[Contract] = field(default_factory=list)
    begun_contracts: list[Contract] = field(default_factory=list)
    taken_down: list[str] = field(default_factory=list)
    hung: dict[str, str] = field(default_factory=dict)
    """Meter to its new premise; its old place, if any, ends."""
    disturbed: set[str] = field(default_factory=set)
    """Other clients whose own last payload no longer describes their mirror."""
    released: dict[str, Reason] = field(default_factory=dict)
    """Meters whose devices must let go, and why."""
    arrived: list[str] = field(default_factory=list)
    """Meters that are served from now on."""

    @property
    def changes_nothing(self) -> bool:
        return self == Plan()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The payload as rows."""

    client_id: str
    customer: CustomerFacts
    premises: dict[str, PremiseFacts]
    meters: dict[str, MeterFacts]
    sites: dict[str, SiteLink]
    contracts: dict[str, Contract]

    @classmethod
    def of(cls, payload: CustomerPayload) -> "Wanted":
        client = payload.client_id
        listed = [
            (site.external_site_id, position, entry)
            for site in payload.customer_sites
            for position, entry in enumerate(site.meters)
        ]
        return cls(
            client,
            CustomerFacts.of(payload),
            {site.external_site_id: PremiseFacts.of(site) for site in payload.customer_sites},
            {entry.meter_id: MeterFacts.of(entry) for _, _, entry in listed},
            {
                site.external_site_id: SiteLink.of(client, position, site)
                for position, site in enumerate(payload.customer_sites)
            },
            {entry.meter_id: Contract.of(client, premise, position, entry) for premise, position, entry in listed},
        )


def plan_push(wanted: Wanted, mirror: Mirror, *, denied_before: bool, denied_now: bool, share_always: bool) -> Plan:
    """The rows one push writes.

    denied_before, denied_now  whether the account status refused service before, and does now
    share_always               whether a new client never replaces who is on a premise already
    """
    plan = Plan()
    _things(plan, wanted, mirror)
    _own_links(plan, wanted, mirror)
    _others(plan, wanted, mirror, share_always=share_always)
    still_held = _held_by_others(plan, wanted, mirror)
    _places(plan, wanted, mirror, still_held)
    _releases(plan, wanted, still_held, denied_before=denied_before, denied_now=denied_now)
    _arrivals(plan, wanted, denied_before=denied_before, denied_now=denied_now)
    _disturbed(plan, wanted, mirror)
    return plan


def _things(plan: Plan, wanted: Wanted, mirror: Mirror) -> None:
    if wanted.customer != mirror.customer:
        plan.customer = wanted.customer
    plan.premises = {key: facts for key, facts in wanted.premises.items() if mirror.premises[key] != facts}
    plan.meters = {key: facts for key, facts in wanted.meters.items() if mirror.meters[key] != facts}
    for key, facts in wanted.meters.items():
        if key in mirror.new_meters or mirror.meters[key].rate_code != facts.rate_code:
            plan.new_rates[key] = facts.rate_code


def _own_links(plan: Plan, wanted: Wanted, mirror: Mirror) -> None:
    sites = {link.premise_id: link for link in mirror.sites if link.client_id == wanted.client_id}
    for premise, site in wanted.sites.items():
        known = sites.pop(premise, None)
        if known is None:
            plan.begun_sites.append(site)
        elif replace(site, id=known.id) != known:
            plan.changed_sites.append(replace(site, id=known.id))
    plan.ended_sites += sites.values()

    contracts = {link.meter_id: link for link in mirror.contracts if link.client_id == wanted.client_id}
    for meter, contract in wanted.contracts.items():
        held = contracts.get(meter)
        if held is None or _is_other_contract(held, contract):
            plan.begun_contracts.append(contract)
            continue
        del contracts[meter]
        if replace(contract, id=held.id) != held:
            plan.changed_contracts.append(replace(contract, id=held.id))
    plan.ended_contracts += contracts.values()


def _is_other_contract(held: Contract, wanted: Contract) -> bool:
    """Another place or another billing account is another contract, with dates of its own."""
    return (held.premise_id, held.account_number) != (wanted.premise_id, wanted.account_number)


def _others(plan: Plan, wanted: Wanted, mirror: Mirror, *, share_always: bool) -> None:
    """End what other clients can no longer have: a premise taken over, a meter carried elsewhere."""
    newly_at = {site.premise_id for site in plan.begun_sites}
    accounts = {
        premise: {c.account_number for c in wanted.contracts.values() if c.premise_id == premise} - {None}
        for premise in newly_at
    }
    for link in mirror.sites:
        if link.client_id == wanted.client_id or link.premise_id not in newly_at or share_always:
            continue
        theirs = {
            c.account_number
            for c in mirror.contracts
            if c.client_id == link.client_id and c.premise_id == link.premise_id
        }
        if not accounts[link.premise_id] & theirs:
            plan.ended_sites.append(link)
    replaced = {(link.client_id, link.premise_id) for link in plan.ended_sites}
    for contract in mirror.contracts:
        if contract.client_id == wanted.client_id:
            continue
        now_at = wanted.contracts.get(contract.meter_id)
        carried_off = now_at is not None and now_at.premise_id != contract.premise_id
        if carried_off or (contract.client_id, contract.premise_id) in replaced:
            plan.ended_contracts.append(contract)


def _held_by_others(plan: Plan, wanted: Wanted, mirror: Mirror) -> dict[str, set[str]]:
    """Meter to the other clients who keep a contract on it."""
    ended = {contract.id for contract in plan.ended_contracts}
    held: dict[str, set[str]] = {}
    for contract in mirror.contracts:
        if contract.client_id != wanted.client_id and contract.id not in ended:
            held.setdefault(contract.meter_id, set()).add(contract.client_id)
    return held


def _places(plan: Plan, wanted: Wanted, mirror: Mirror, still_held: dict[str, set[str]]) -> None:
    for meter, contract in wanted.contracts.items():
        if mirror.places.get(meter) != contract.premise_id:
            plan.hung[meter] = contract.premise_id
    plan.taken_down += sorted(
        meter
        for meter, premise in mirror.places.items()
        if premise in wanted.sites and meter not in wanted.contracts and meter not in still_held
    )


def _releases(
    plan: Plan, wanted: Wanted, still_held: dict[str, set[str]], *, denied_before: bool, denied_now: bool
) -> None:
    for contract in plan.ended_contracts:
        meter = contract.meter_id
        now_at = wanted.contracts.get(meter)
        if now_at is not None and now_at.premise_id != contract.premise_id:
            plan.released[meter] = "meter_moved"
        elif contract.client_id != wanted.client_id:
            plan.released.setdefault(meter, "tenant_changed")
        elif now_at is None and meter not in still_held:
            left = contract.premise_id not in wanted.sites
            plan.released.setdefault(meter, "moved_out" if left else "meter_removed")
    if denied_now and not denied_before:
        for meter in wanted.contracts:
            if meter not in still_held:
                plan.released.setdefault(meter, "account_denied")


def _arrivals(plan: Plan, wanted: Wanted, *, denied_before: bool, denied_now: bool) -> None:
    if denied_now:
        return
    served_again = wanted.contracts if denied_before else {}
    plan.arrived = sorted({contract.meter_id for contract in plan.begun_contracts} | set(served_again))


def _disturbed(plan: Plan, wanted: Wanted, mirror: Mirror) -> None:
    ended: tuple[SiteLink | Contract, ...] = (*plan.ended_sites, *plan.ended_contracts)
    at_changed_premises = (link.client_id for link in mirror.sites if link.premise_id in plan.premises)
    at_changed_meters = (link.client_id for link in mirror.contracts if link.meter_id in plan.meters)
    plan.disturbed = {link.client_id for link in ended} | {*at_changed_premises, *at_changed_meters}
    plan.disturbed.discard(wanted.client_id)

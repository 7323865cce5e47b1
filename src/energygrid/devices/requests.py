"""Asking for a bind, and asking for its end."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.access.tenants import tenant_now
from energygrid.access.vault import Vault
from energygrid.devices import codes, queries
from energygrid.devices.binding import (
    ActiveBind,
    Asked,
    Decision,
    Reason,
    Signal,
    State,
    Verdict,
    decide_bind,
    decide_release,
)
from energygrid.devices.gateways.gateway import CommandKind
from energygrid.devices.install_code import InstallCode
from energygrid.devices.lifecycle import Source, Word, announce, apply, command, release_reason
from energygrid.devices.mac import parse_mac, show_mac
from energygrid.devices.parties import Party, Whose, named_meter, party_of, served_parties
from energygrid.devices.queries import Bind
from energygrid.devices.settings import devices_settings
from energygrid.devices.timers import catch_up, current_tenant
from energygrid.errors import Conflict, Invalid, Unavailable

_OF_THE_METER: Final = frozenset({Reason.METER_MOVED, Reason.METER_REMOVED})
_ALREADY_BOUND: Final = "METER_ALREADY_BOUND"
_REFUSALS: Final = {
    _ALREADY_BOUND: "the meter is bound already",
    "DEVICE_ALREADY_BOUND": "the device is bound to another meter",
    "INVALID_INSTALL_CODE": "installCode is not a valid code for this device",
}


@dataclass(frozen=True, slots=True)
class BindResult:
    """What became of a request; `noop` when nothing had to be done, `bind` None when there was nothing to release."""

    bind: Bind | None
    noop: bool = False


@dataclass(frozen=True, slots=True)
class DeviceAsked:
    """The device as typed from its sticker. `strict`: the caller wants an error for what is done already."""

    mac: str
    install_code: str = field(repr=False)
    strict: bool = False


def request_bind(
    db: Connection, vault: Vault, tenant: Tenant, who: Actor, whose: Whose, device: DeviceAsked, now: datetime
) -> BindResult:
    """Bind a device to a customer's meter.

    Raises what `named_meter`, `party_of` and `bind_device` raise, and Invalid METER_NOT_AMI.
    """
    tenant = current_tenant(db, tenant)
    mac = parse_mac(device.mac)
    meter_id = named_meter(db, tenant, whose)
    # Locked before anybody is looked up: either a customer who leaves finds this bind, or this request their absence.
    queries.lock_ids(db, tenant.id, [meter_id], [mac])
    party, meter = party_of(db, tenant, whose.profile_id, meter_id)
    if not meter.is_ami:
        raise Invalid("METER_NOT_AMI", "the meter has no radio for customer devices", meterId=meter_id)
    return bind_device(db, vault, tenant, who, party, device, now)


def request_release(
    db: Connection, tenant: Tenant, who: Actor, whose: Whose, mac: str | None, now: datetime
) -> BindResult:
    """Let the device of a customer's meter go; raises what `named_meter`, `party_of` and `release_device` raise."""
    tenant = current_tenant(db, tenant)
    meter_id = named_meter(db, tenant, whose)
    queries.lock_ids(db, tenant.id, [meter_id], [])
    party, _ = party_of(db, tenant, whose.profile_id, meter_id)
    return release_device(db, tenant, who, party, mac, now)


def bind_device(
    db: Connection, vault: Vault, tenant: Tenant, who: Actor, party: Party, device: DeviceAsked, now: datetime
) -> BindResult:
    """Bind a device to a meter: a new request, or the one under way, or nothing when they are paired.

    Raises Invalid (INVALID_MAC_ADDRESS, INVALID_INSTALL_CODE) and Conflict (METER_ALREADY_BOUND, DEVICE_ALREADY_BOUND);
    the last two as Unavailable while a release is under way. Source: contract 3.4.
    """
    mac = parse_mac(device.mac)
    queries.lock_ids(db, tenant.id, [party.meter_id], [mac])
    code, fingerprint = codes.read_code(db, vault, tenant, mac, device.install_code)
    found = queries.active_binds(db, tenant.id, party.meter_id, mac)
    active = [bind for bind in (catch_up(db, tenant, one, now) for one in found) if bind.is_active]
    at = tenant_now(tenant, now)
    asked = Asked(party.meter_id, mac, fingerprint, strict=device.strict)
    decision = decide_bind([_seen(bind) for bind in active], asked, devices_settings(tenant).rules(tenant), at)
    if decision.verdict is Verdict.REFUSE:
        raise _refusal(decision)
    if decision.verdict is Verdict.NEW:
        if code is None:
            raise _refusal(Decision(Verdict.REFUSE, code="INVALID_INSTALL_CODE"))
        bind = _open(db, vault, tenant, party, mac, code, fingerprint, decision.slot, who, now)
    else:
        bind = _chosen(active, decision)
        if decision.verdict is Verdict.REARM:
            bind = queries.change_bind(db, bind, armed_at=at)
            command(db, bind, CommandKind.REARM, now)
    _audit(db, tenant, who, f"bind.{decision.verdict}", bind, now)
    return BindResult(bind, noop=decision.verdict is Verdict.NOOP)


def release_device(
    db: Connection, tenant: Tenant, who: Actor, party: Party, mac: str | None, now: datetime
) -> BindResult:
    """Let the meter's device go; nothing to do is a success.

    mac  as typed; needed only where a meter holds several devices
    """
    named = parse_mac(mac) if mac else None
    queries.lock_ids(db, tenant.id, [party.meter_id], [])
    found = queries.active_binds(db, tenant.id, party.meter_id, None)
    active = [bind for bind in (catch_up(db, tenant, one, now) for one in found) if bind.is_active]
    decision = decide_release([_seen(bind) for bind in active], named)
    if decision.verdict is Verdict.NOOP:
        return BindResult(None, noop=True)
    bind = _chosen(active, decision)
    if decision.verdict is Verdict.RELEASE:
        reason = release_reason(bind.state)
        at = tenant_now(tenant, now)
        word = Word(Signal.RELEASE, at, Source.API, reason, actor=who.name)
        bind = apply(db, tenant, bind, word, now)
    _audit(db, tenant, who, f"bind.{decision.verdict}", bind, now)
    return BindResult(bind)


def release_meters(db: Connection, tenant: Tenant, meter_ids: Sequence[str], reason: Reason, now: datetime) -> int:
    """Release the devices of meters whose people or whose place have changed; returns how many.

    Where people changed, a device stays if its client still holds the meter: it may be the newcomer's own.
    """
    queries.lock_ids(db, tenant.id, meter_ids, [])
    found = queries.active_binds_of(db, tenant.id, meter_ids)
    queries.lock_ids(db, tenant.id, [], [bind.mac for bind in found])
    served = served_parties(db, tenant, meter_ids)
    stays = set() if reason in _OF_THE_METER else {(party.client_id, party.meter_id) for party in served}
    released = 0
    for seen in found:
        bind = queries.lock_bind(db, tenant.id, seen.bind_id)
        assert bind is not None
        bind = catch_up(db, tenant, bind, now)
        if not bind.is_active or bind.state is State.RELEASING or (bind.client_id, bind.meter_id) in stays:
            continue
        word = Word(Signal.RELEASE, tenant_now(tenant, now), Source.SYSTEM, reason)
        bind = apply(db, tenant, bind, word, now)
        _audit(db, tenant, audit.SYSTEM, "bind.release", bind, now)
        released += 1
    queries.forget_clients(db, tenant.id, meter_ids, [party.client_id for party in served])
    return released


def _open(
    db: Connection,
    vault: Vault,
    tenant: Tenant,
    party: Party,
    mac: str,
    code: InstallCode,
    fingerprint: bytes,
    slot: int,
    who: Actor,
    now: datetime,
) -> Bind:
    """Write a new bind with the command that starts it."""
    settings = devices_settings(tenant)
    at = tenant_now(tenant, now)
    known = queries.inventory_device(db, tenant.id, mac)
    device_type = settings.default_type if known is None else known.device_type
    timers = settings.timers_of(device_type)
    bind = Bind(
        tenant_id=tenant.id,
        bind_id=f"bnd_{secrets.token_hex(12)}",
        meter_id=party.meter_id,
        slot=slot,
        mac=mac,
        client_id=party.client_id,
        device_type=device_type,
        state=State.REQUESTED,
        reason=None,
        late=False,
        fingerprint=fingerprint,
        code_sealed=codes.seal(vault, code),
        requested_at=at,
        armed_at=at,
        changed_at=at,
        paired_at=None,
        slow_at=at + timers.slow_after,
        deadline_at=at + timers.give_up_after,
    )
    try:
        with db.begin_nested():
            queries.insert_bind(db, bind)
    except IntegrityError as error:
        # The locks above are held on one node of a cluster; the index holds everywhere.
        code_name = "DEVICE_ALREADY_BOUND" if "mac" in str(error.orig) else _ALREADY_BOUND
        raise _refusal(Decision(Verdict.REFUSE, code=code_name)) from error
    queries.add_history(
        db,
        tenant.id,
        bind.bind_id,
        at=at,
        source=Source.API.value,
        signal="REQUEST",
        from_state=None,
        to_state=State.REQUESTED,
        actor=who.name,
    )
    command(db, bind, CommandKind.JOIN, now)
    announce(db, bind, now)
    return bind


def _seen(bind: Bind) -> ActiveBind:
    return ActiveBind(bind.bind_id, bind.meter_id, bind.mac, bind.slot, bind.state, bind.fingerprint, bind.armed_at)


def _chosen(active: list[Bind], decision: Decision) -> Bind:
    assert decision.bind is not None
    wanted = decision.bind.bind_id
    return next(bind for bind in active if bind.bind_id == wanted)


def _refusal(decision: Decision) -> Conflict | Invalid | Unavailable:
    message = _REFUSALS[decision.code]
    if decision.code == "INVALID_INSTALL_CODE":
        return Invalid(decision.code, message)
    if decision.retry_after is not None:
        # Not final: it waits for the gateway to confirm a release.
        return Unavailable(decision.code, message, retry_after=decision.retry_after)
    return Conflict(decision.code, message)


def _audit(db: Connection, tenant: Tenant, who: Actor, action: str, bind: Bind, now: datetime) -> None:
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action=action,
        subject=f"meter/{bind.meter_id}",
        request_id=who.request_id,
        now=now,
        facts={"bindRequestId": bind.bind_id, "macAddress": show_mac(bind.mac)},
    )

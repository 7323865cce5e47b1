"""The documents of binds as they stand on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from energygrid.customers.complaints import Complaint, invalid
from energygrid.devices.binding import State
from energygrid.devices.mac import show_mac
from energygrid.devices.queries import Bind, HistoryEntry
from energygrid.devices.requests import BindResult
from energygrid.devices.settings import DeviceType
from energygrid.devices.status import BindWithHistory
from energygrid.errors import Invalid
from energygrid.surfaces.powerbox.wire import Wire

_ID_PATTERN = r"^[\x21-\x7E]{1,64}$"
_HEX = "[0-9A-Fa-f]"
_MAC_PATTERN = "|".join(
    f"^{_HEX}{{{digits}}}({separator}{_HEX}{{{digits}}}){{{more}}}$"
    for separator in ("", ":", "-", "[.]")
    for digits, more in ((2, 5), (2, 7), (4, 2), (4, 3))
)
"""Six or eight pairs, or three or four fours, of digits with one separator; see devices.mac."""


def _action(value: object) -> object:
    """JSON knows one kind of number, so 1.0 is 1; true is none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value in {0, 1}:
        return int(value)
    raise Invalid("INVALID_ACTION_CODE", "actionCode is 1 (bind) or 0 (release)")


Id = Annotated[str, StringConstraints(strict=True, pattern=_ID_PATTERN)]
ActionCode = Annotated[int, BeforeValidator(_action), WithJsonSchema({"type": "integer", "enum": [0, 1]})]
_Typed = Annotated[str, StringConstraints(strict=True, max_length=100)]
"""As typed from a sticker; read by the rules of devices, whose errors have codes of their own."""

# Null is forgiven and means absent, but not advertised.
OptionalId = Annotated[Id | None, WithJsonSchema({"type": "string", "pattern": _ID_PATTERN})]
OptionalMac = Annotated[_Typed | None, WithJsonSchema({"type": "string", "pattern": _MAC_PATTERN})]
OptionalCode = Annotated[_Typed | None, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 100})]

_SHAPES: dict[str, Any] = {
    "allOf": [
        {"anyOf": [{"required": ["meterId"]}, {"required": ["accountSlid"]}]},
        {
            "anyOf": [
                {"required": ["macAddress", "installCode"]},
                {"required": ["actionCode"], "properties": {"actionCode": {"const": 0}}},
            ]
        },
    ]
}


class BindRequest(Wire):
    """A device and a meter. A release (actionCode 0) needs neither macAddress nor installCode."""

    model_config = ConfigDict(json_schema_extra=_SHAPES)

    hem_profile_id: Id = Field(description="GUID of the customer's profile, or the clientId.", examples=["123456789"])
    mac_address: OptionalMac = Field(
        None, description="48 or 64 bits; separators : - . or none.", examples=["AA:BB:CC:DD:EE:FF"]
    )
    install_code: OptionalCode = Field(
        None, repr=False, description="As printed on the device.", examples=["TUTORIAL-INSTALL-CODE-001"]
    )
    meter_id: OptionalId = Field(None, examples=["123456789"])
    account_slid: OptionalId = Field(None, description="Account service location, instead of meterId.")
    action_code: ActionCode = Field(1, description="1 bind, 0 release.")

    @property
    def releases(self) -> bool:
        return self.action_code == 0

    @property
    def required_mac(self) -> str:
        return _present("macAddress", self.mac_address)

    @property
    def required_code(self) -> str:
        return _present("installCode", self.install_code)


def _present(name: str, value: str | None) -> str:
    if value is None:
        raise invalid([Complaint(name, "is missing", missing=True)])
    return value


class Accepted(Wire):
    """That the request was taken. `bindRequestId` and `state` are absent when there was nothing to release."""

    status: Literal["success"] = "success"
    message: str = "Binding request accepted"
    bind_request_id: str | None = None
    state: State | None = None

    @classmethod
    def of(cls, result: BindResult, *, releases: bool) -> "Accepted":
        if result.bind is None:
            return cls(message="No device is bound to this meter")
        message = "Release request accepted" if releases else "Binding request accepted"
        if result.noop:
            message = "This device is bound to this meter already"
        return cls(message=message, bind_request_id=result.bind.bind_id, state=result.bind.state)


class BindStatusOut(Wire):
    """One bind as it stands; instants follow the tenant's clock."""

    bind_request_id: str
    meter_id: str
    mac_address: str
    device_type: DeviceType
    state: State
    reason: str | None = Field(None, description="Why it failed or was released.")
    late: bool = Field(description="It paired after it had been given up.")
    requested_at: datetime
    changed_at: datetime
    paired_at: datetime | None = None
    deadline_at: datetime | None = Field(None, description="When it is given up, while it is on its way.")

    @classmethod
    def of(cls, bind: Bind) -> "BindStatusOut":
        return cls(**_facts(bind))


class HistoryOut(Wire):
    """One thing said about a bind. Without `toState` it changed nothing."""

    at: datetime
    source: str = Field(description="api, dispatch, gateway, timer or system")
    event: str
    from_state: State | None = None
    to_state: State | None = None
    reason: str | None = None
    sequence: int | None = Field(None, description="The gateway's own number of the event.")
    actor: str | None = None

    @classmethod
    def of(cls, entry: HistoryEntry) -> "HistoryOut":
        return cls(
            at=entry.at,
            source=entry.source,
            event=entry.signal,
            from_state=entry.from_state,
            to_state=entry.to_state,
            reason=entry.reason,
            sequence=entry.sequence,
            actor=entry.actor,
        )


class BindStatusWithHistory(BindStatusOut):
    """One bind with its history, oldest entry first."""

    history: list[HistoryOut]

    @classmethod
    def of_found(cls, found: BindWithHistory) -> "BindStatusWithHistory":
        return cls(**_facts(found.bind), history=[HistoryOut.of(entry) for entry in found.history])


class EventsOut(Wire):
    """Ids of bind requests that are not known here; everything else was applied."""

    unknown: list[str]


def _facts(bind: Bind) -> dict[str, Any]:
    return {
        "bind_request_id": bind.bind_id,
        "meter_id": bind.meter_id,
        "mac_address": show_mac(bind.mac),
        "device_type": bind.device_type,
        "state": bind.state,
        "reason": bind.reason,
        "late": bind.late,
        "requested_at": bind.requested_at,
        "changed_at": bind.changed_at,
        "paired_at": bind.paired_at,
        "deadline_at": bind.deadline_at,
    }

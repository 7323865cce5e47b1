"""What a tenant may set about devices: the section `devices` of its settings."""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from energygrid.access.caller import Tenant
from energygrid.devices.binding import Rules
from energygrid.devices.install_code import CodePolicy


class DeviceType(StrEnum):
    """Kinds of customer device, each with its own timers (C31)."""

    DATABRIDGE = "DATABRIDGE"
    SMARTLINK = "SMARTLINK"


class Timers(BaseModel):
    """When a bind of one device type counts as slow, and when it is given up; seconds from the request."""

    slow_after_s: int = Field(15 * 60, ge=1)
    give_up_after_s: int = Field(48 * 3600, ge=60, le=48 * 3600)

    @property
    def slow_after(self) -> timedelta:
        return timedelta(seconds=self.slow_after_s)

    @property
    def give_up_after(self) -> timedelta:
        return timedelta(seconds=self.give_up_after_s)


class HttpGatewaySettings(BaseModel):
    """How to reach a head end; the calls are described in docs/binding.md."""

    url: str = ""
    token: SecretStr = Field(SecretStr(""), description="Bearer token of our calls; empty: none is sent.")
    certificate_file: str = Field("", description="PEM file of our client certificate; empty: no mutual TLS.")
    key_file: str = Field("", description="PEM file of its private key.")
    credential: Literal["install_code", "link_key"] = Field(
        "install_code", description="What the head end is given: the code with its CRC, or the key derived from it."
    )
    timeout_s: float = Field(10.0, gt=0, le=60)
    poll: bool = Field(False, description="Whether the head end answers GET .../events, for events that got lost.")
    event_secret: SecretStr = Field(
        SecretStr(""),
        description="Key of the signature of the events the head end sends us, as whsec_ and base64; empty: it must"
        " present a bearer token.",
    )


class DevicesSettings(BaseModel):
    gateway: Literal["simulator", "http"] | None = Field(
        None, description="Who speaks to the meters. Unset: the simulator in a sandbox, HTTP elsewhere."
    )
    http: HttpGatewaySettings = HttpGatewaySettings()
    capacity: int = Field(1, ge=1, le=10, description="Devices a meter takes at once.")
    allow_bare_codes: bool = Field(False, description="Accept install codes printed without their CRC.")
    zigbee_3_only: bool = Field(False, description="Accept only the 16-byte codes of Zigbee 3.0.")
    repeat_is_noop: bool | None = Field(
        None, description="Binding a paired device again: true answers no-op, false METER_ALREADY_BOUND."
    )
    rearm_after_s: int = Field(15 * 60, ge=1, description="Least time between two openings of a join window.")
    default_type: DeviceType = Field(DeviceType.DATABRIDGE, description="Type of a device the inventory does not know.")
    timers: dict[DeviceType, Timers] = Field(default_factory=dict)
    unreachable_after_s: int = Field(
        6 * 3600, ge=60, description="How long an unreachable gateway is tried before the bind fails."
    )

    def timers_of(self, device_type: DeviceType) -> Timers:
        return self.timers.get(device_type) or _TIMERS[device_type]

    def gateway_for(self, tenant: Tenant) -> Literal["simulator", "http"]:
        return self.gateway or ("simulator" if tenant.environment == "sandbox" else "http")

    @property
    def code_policy(self) -> CodePolicy:
        return CodePolicy(allow_bare=self.allow_bare_codes, zigbee_3_only=self.zigbee_3_only)

    def rules(self, tenant: Tenant) -> Rules:
        return Rules(
            environment=tenant.environment,
            capacity=self.capacity,
            repeat_is_noop=self.repeat_is_noop,
            rearm_after=timedelta(seconds=self.rearm_after_s),
        )


_TIMERS = {
    DeviceType.DATABRIDGE: Timers(slow_after_s=15 * 60),
    # Its guide promises that the utility accepts within five minutes.
    DeviceType.SMARTLINK: Timers(slow_after_s=5 * 60),
}


def devices_settings(tenant: Tenant) -> DevicesSettings:
    return tenant.section("devices", DevicesSettings)

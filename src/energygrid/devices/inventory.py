"""The devices a tenant has handed out: their type, and the code printed on each."""

from datetime import datetime

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.devices import codes, queries
from energygrid.devices.install_code import check
from energygrid.devices.mac import parse_mac
from energygrid.devices.queries import Device
from energygrid.devices.settings import DeviceType, devices_settings


def register_device(
    db: Connection,
    vault: Vault,
    tenant: Tenant,
    mac: str,
    now: datetime,
    *,
    device_type: DeviceType = DeviceType.DATABRIDGE,
    install_code: str | None = None,
) -> Device:
    """Add a device, or replace what is known of it; its code is kept as a fingerprint only.

    Raises Invalid INVALID_MAC_ADDRESS and INVALID_INSTALL_CODE.
    """
    mark = None
    if install_code is not None:
        mark = codes.fingerprint(vault, tenant, check(install_code, devices_settings(tenant).code_policy).text)
    device = Device(parse_mac(mac), device_type, mark)
    queries.put_device(db, tenant.id, device, now)
    return device

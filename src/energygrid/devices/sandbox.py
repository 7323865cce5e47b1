"""The sandbox's devices."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.devices import codes, queries
from energygrid.devices.install_code import normalise
from energygrid.devices.mac import parse_mac
from energygrid.devices.queries import Device
from energygrid.devices.settings import DeviceType
from energygrid.errors import Invalid

TUTORIAL_MAC: Final = "AA:BB:CC:DD:EE:FF"
TUTORIAL_CODE: Final = "TUTORIAL-INSTALL-CODE-001"
"""Printed in the tutorial, so no secret. It opens any simulated device that has no code of its own."""


def load_fixtures(db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> None:
    """Put the tutorial's device on the list of a tenant that is not in production; loading again changes nothing."""
    if tenant.environment == "production":
        raise Invalid("NOT_A_SANDBOX", "fixtures are never loaded in production", tenant=tenant.key)
    mark = codes.fingerprint(vault, tenant, normalise(TUTORIAL_CODE))
    device = Device(parse_mac(TUTORIAL_MAC), DeviceType.DATABRIDGE, mark, fixture=True)
    queries.put_device(db, tenant.id, device, now)

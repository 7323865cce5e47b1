"""Install codes at rest: a keyed fingerprint for good, the code itself sealed until the gateway has it."""

from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.devices import queries
from energygrid.devices.install_code import InstallCode, check, normalise
from energygrid.devices.settings import devices_settings
from energygrid.errors import Invalid

_FREE_TEXT = b"="


def fingerprint(vault: Vault, tenant: Tenant, text: str) -> bytes:
    """Equal codes of one tenant have equal fingerprints; `text` is normalised, hex with its CRC."""
    return vault.fingerprint("install code", f"{tenant.id} {text}".encode())


def seal(vault: Vault, code: InstallCode) -> bytes:
    return vault.seal("install code", (_FREE_TEXT if code.free_text else b"") + code.text.encode())


def unseal(vault: Vault, sealed: bytes) -> InstallCode:
    plain = vault.open("install code", sealed)
    return InstallCode(plain.removeprefix(_FREE_TEXT).decode(), free_text=plain.startswith(_FREE_TEXT))


def read_code(db: Connection, vault: Vault, tenant: Tenant, mac: str, text: str) -> tuple[InstallCode | None, bytes]:
    """The checked code, and the fingerprint of what was said; None when it is not a valid code for this device.

    Beside its own check digits a code must be the one the tenant's inventory holds for the address, if it holds one:
    "install code does not match MAC address" is what the error means to an installer.
    """
    said = fingerprint(vault, tenant, normalise(text))
    listed = tenant.environment != "production" and queries.is_fixture_code(db, tenant.id, said)
    try:
        code = check(text, devices_settings(tenant).code_policy, allow_listed=listed)
    except Invalid:
        return None, said
    said = fingerprint(vault, tenant, code.text)
    known = queries.inventory_device(db, tenant.id, mac)
    if known is not None and known.fingerprint is not None and known.fingerprint != said:
        return None, said
    return code, said

"""Where an asset is: personal data, kept sealed."""

from dataclasses import asdict, dataclass

import msgspec

from energygrid.access.vault import Vault

_PURPOSE = "flexibility location"


@dataclass(frozen=True, slots=True)
class Location:
    """Coordinates are text, as they came."""

    postcode: str
    building: str
    address: str
    latitude: str | None = None
    longitude: str | None = None


def seal(vault: Vault, location: Location) -> bytes:
    return vault.seal(_PURPOSE, msgspec.json.encode(asdict(location)))


def unseal(vault: Vault, sealed: bytes) -> Location:
    return msgspec.json.decode(vault.open(_PURPOSE, sealed), type=Location)


def plain_postcode(postcode: str) -> str:
    """What eligibility looks at: upper case, without spaces."""
    return "".join(postcode.split()).upper()

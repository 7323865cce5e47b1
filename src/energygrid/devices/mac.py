"""Hardware addresses: EUI-48 (Wi-Fi, Ethernet) and EUI-64 (Zigbee).

Inside, an address is 12 or 16 lower-case hex digits. An EUI-64 is never derived from an EUI-48: for Zigbee it is
assigned (contract 3.1).
"""

import re

from energygrid.errors import Invalid

_BARE = re.compile(r"(?:[0-9A-Fa-f]{12}|[0-9A-Fa-f]{16})")
_GROUPED = re.compile(r"[0-9A-Fa-f]{2}(?:([:.-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2})*")
_BY_FOURS = re.compile(r"[0-9A-Fa-f]{4}(?:([:.-])[0-9A-Fa-f]{4})(?:\1[0-9A-Fa-f]{4})*")


def parse_mac(text: str) -> str:
    """The canonical form of an address written with `:`, `-`, `.` or nothing between pairs or fours of digits.

    Raises Invalid INVALID_MAC_ADDRESS; also for the two reserved addresses, all zeros and all ones.
    """
    digits = text
    if _GROUPED.fullmatch(text) or _BY_FOURS.fullmatch(text):
        digits = re.sub(r"[:.-]", "", text)
    if not _BARE.fullmatch(digits) or set(digits.lower()) in ({"0"}, {"f"}):
        raise Invalid("INVALID_MAC_ADDRESS", "macAddress must be a 48-bit or 64-bit hardware address")
    return digits.lower()


def show_mac(mac: str) -> str:
    """A canonical address as people read it on the sticker: upper case, colons."""
    return ":".join(mac[i : i + 2] for i in range(0, len(mac), 2)).upper()

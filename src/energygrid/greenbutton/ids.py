"""Ids of resources: opaque, decimal, and different for each third party.

They are keyed hashes of what they stand for under one consent, so nothing is stored for them, they never change while
the consent stands, and two third parties cannot compare theirs. MeterReading ids are decimal because a client matches
MeterReading/ and digits (contracts/greenbutton.md 0.5).
"""

from energygrid.access.vault import Vault

_DIGITS = 10**15


def opaque(vault: Vault, kind: str, *parts: object) -> str:
    """16 decimal digits, the first never 0 (more than 49 bits)."""
    text = "\x1f".join([kind, *map(str, parts)])
    number = int.from_bytes(vault.fingerprint("greenbutton id", text.encode())[:8])
    return str(_DIGITS + number % (9 * _DIGITS))

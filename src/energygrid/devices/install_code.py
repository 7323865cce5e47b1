"""Zigbee install codes: what is printed on the device beside its address.

A code is 6, 8, 12 or 16 bytes followed by a CRC-16/X-25, low byte first; people see it as hex. The Trust Center need
not check it, so the server that takes it must, at once (contract 3.1). A code is a secret: nothing here shows one.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from energygrid.errors import Invalid

_FULL_DIGITS: Final = (16, 20, 28, 36)
_BARE_DIGITS: Final = (12, 16, 24, 32)
_ZIGBEE_3_DIGITS: Final = 36
_SEPARATORS: Final = re.compile(r"[ :-]")
_HEX: Final = re.compile(r"[0-9A-F]+")
_BLOCK: Final = 16


@dataclass(frozen=True, slots=True)
class InstallCode:
    """A checked code. `text` is upper-case hex with its CRC, or the free text of a sandbox fixture."""

    text: str = field(repr=False)
    free_text: bool = False

    def link_key(self) -> bytes | None:
        """The preconfigured link key, AES-MMO over code and CRC; None for a fixture, which has no key."""
        return None if self.free_text else aes_mmo(bytes.fromhex(self.text))


@dataclass(frozen=True, slots=True)
class CodePolicy:
    """What a tenant accepts: codes printed without CRC, and codes other than the 16 bytes of Zigbee 3.0."""

    allow_bare: bool = False
    zigbee_3_only: bool = False


def normalise(text: str) -> str:
    """The code as one upper-case string without the separators people type."""
    return _SEPARATORS.sub("", text).upper()


def check(text: str, policy: CodePolicy, *, allow_listed: bool = False) -> InstallCode:
    """The code in `text`, or Invalid INVALID_INSTALL_CODE. Source: contract 3.2, validation algorithm (a)-(e).

    allow_listed  the normalised text is on the sandbox's list of fixture codes
    """
    code = normalise(text)
    if allow_listed:
        return InstallCode(code, free_text=not _is_full(code))
    if not _HEX.fullmatch(code):
        raise _invalid()
    if policy.zigbee_3_only and len(code) != _ZIGBEE_3_DIGITS:
        raise _invalid()
    if _is_full(code):
        return InstallCode(code)
    # 16 digits may be 6 bytes with CRC or 8 bytes without: the CRC has just decided against the first reading.
    if policy.allow_bare and len(code) in _BARE_DIGITS:
        return InstallCode(code + _crc_bytes(bytes.fromhex(code)).hex().upper())
    raise _invalid()


def crc16_x25(data: bytes) -> int:
    """CRC-16/X-25: polynomial 0x1021, reflected, initial and final 0xFFFF. Check value of "123456789": 0x906E."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc ^ 0xFFFF


def aes_mmo(message: bytes) -> bytes:
    """AES-128 Matyas-Meyer-Oseas hash of a message shorter than 2**13 bytes (Zigbee specification, annex B)."""
    padded = message + b"\x80"
    padded += bytes((_BLOCK - 2 - len(padded)) % _BLOCK) + (len(message) * 8).to_bytes(2, "big")
    digest = bytes(_BLOCK)
    for at in range(0, len(padded), _BLOCK):
        block = padded[at : at + _BLOCK]
        # One block under a fresh key each time: the mode of the hash itself, not a way to encrypt data.
        encryptor = Cipher(algorithms.AES(digest), modes.ECB()).encryptor()  # noqa: S305
        sealed = encryptor.update(block) + encryptor.finalize()
        digest = bytes(a ^ b for a, b in zip(sealed, block, strict=True))
    return digest


def _is_full(code: str) -> bool:
    if len(code) not in _FULL_DIGITS or not _HEX.fullmatch(code):
        return False
    raw = bytes.fromhex(code)
    return _crc_bytes(raw[:-2]) == raw[-2:]


def _crc_bytes(code: bytes) -> bytes:
    return crc16_x25(code).to_bytes(2, "little")


def _invalid() -> Invalid:
    return Invalid("INVALID_INSTALL_CODE", "installCode is not a valid code for this device")

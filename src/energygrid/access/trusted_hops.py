"""What a reverse proxy in front of us may say about the caller: the address, and the TLS certificate.

Both come as headers that anybody can write, so they count only from a peer that the operator named, which must strip
them from what it receives. Source: RFC 9440 (Client-Cert), RFC 8705 (x5t#S256); contracts/powerbox.md 5.4.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self

from energygrid.access.addresses import Network, plain
from energygrid.errors import Unauthenticated

_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/=]{1,16384}):")


@dataclass(frozen=True, slots=True)
class TrustedHops:
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """Each entry is an address or a network (CIDR)."""
        return cls(tuple(ip_network(entry, strict=False) for entry in entries))

    def hold(self, address: str | None) -> bool:
        try:
            ip = plain(address or "")
        except ValueError:
            return False
        return any(ip in network for network in self.networks if network.version == ip.version)

    def caller_address(self, peer: str | None, headers: Mapping[str, str]) -> str:
        """The last address before our own proxies: each appends whom it heard from to X-Forwarded-For."""
        nearest = peer or "-"
        heard = [address.strip() for address in headers.get("x-forwarded-for", "").split(",") if address.strip()]
        while heard and self.hold(nearest):
            nearest = heard.pop()
        return nearest[:64]

    def certificate(self, peer: str | None, headers: Mapping[str, str]) -> bytes | None:
        """The caller's certificate in DER as RFC 9440 carries it; None without one or from an untrusted peer.

        Raises Unauthenticated("BAD_CLIENT_CERTIFICATE") when a trusted proxy sends something else.
        """
        value = headers.get("client-cert")
        if value is None or not self.hold(peer):
            return None
        item = _BYTE_SEQUENCE.fullmatch(value)
        try:
            return base64.b64decode(item[1] if item else "?", validate=True)
        except binascii.Error as error:
            raise Unauthenticated("BAD_CLIENT_CERTIFICATE", "the Client-Cert header is malformed") from error


def thumbprint(certificate: bytes) -> str:
    """x5t#S256 of a DER certificate (RFC 8705 section 3.1)."""
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).rstrip(b"=").decode()

"""Which network addresses a call on somebody else's behalf may reach.

`ipaddress.is_global` alone is not enough: it accepts multicast, site-local and the tunnels that carry a private IPv4
address inside a global-looking IPv6 one. Judged is always the address that is connected to, never the text of a URL.
Source: contracts/powerbox.md 5.8; IANA special-purpose address registries.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_DENIED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23",      # protocol assignments, among them Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",      # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",      # documentation
    )
)  # fmt: skip
_METADATA = frozenset(ip_address(text) for text in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254"))


def plain(address: str) -> Address:
    """The address itself, taken out of its IPv4-mapped form; raises ValueError for anything else than an address."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip.scope_id is not None:
            raise ValueError("a scoped address names an interface of this machine")
        return ip.ipv4_mapped or ip
    return ip


def is_public(ip: Address) -> bool:
    """Whether `ip` is an ordinary unicast address of the open internet."""
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    if any(ip in network for network in _DENIED if network.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)


@dataclass(frozen=True, slots=True)
class AllowList:
    """What the operator of this installation lets outgoing calls reach on the local network."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """Each entry is an address, a network (CIDR) or a host name."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry.lower().rstrip("."))
        return cls(tuple(networks), frozenset(hosts))

    def names(self, host: str, ip: Address) -> bool:
        """Whether the operator named this host or a network that holds its address.

        The address of a cloud's metadata service is never allowed: it hands out the machine's own credentials.
        """
        if ip in _METADATA:
            return False
        return host in self.hosts or any(ip in network for network in self.networks if network.version == ip.version)

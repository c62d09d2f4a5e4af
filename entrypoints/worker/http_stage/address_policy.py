"""The addresses that an `http` stage may reach: public ones, and those the worker's settings add. Standard library only."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[..., Sequence[tuple[Any, ...]]]

_FORBIDDEN_NETWORKS: Final = [
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",
        "168.63.129.16/32",  # a cloud's metadata service on a public address
        "192.88.99.0/24",
        "64:ff9b::/96",  # these embed an IPv4 address, which would be reached instead
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "::/96",
        "fec0::/10",
    )
]


class AddressForbidden(Exception):
    """The address is forbidden. The message says why, and which setting would allow it."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`networks` are allowed in addition to public addresses. Only `ports` are allowed."""

    networks: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})

    def resolve_allowed(self, host: str, port: int, resolve: Resolver = socket.getaddrinfo) -> list[str]:
        """Resolve the host once and return its addresses, all allowed. Connect to these, never to the name. Raise AddressForbidden."""
        if port not in self.ports:
            raise AddressForbidden(f"Port {port} is not allowed: HEADGATE_HTTP_PORTS lists the allowed ones.")
        try:
            found = resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise AddressForbidden(f"The name {host} has no address.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in addresses:
            if not self.is_allowed(text):
                raise AddressForbidden(f"{host} has the address {text}, which is not public: HEADGATE_HTTP_ALLOW would allow its network.")
        if not addresses:
            raise AddressForbidden(f"The name {host} has no address.")
        return addresses

    def is_allowed(self, text: str) -> bool:
        try:
            address: Address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:
                return False
            address = address.ipv4_mapped or address
        if any(address in network for network in self.networks):
            return True
        return (
            address.is_global
            and not address.is_multicast
            and not address.is_reserved
            and not any(address in net for net in _FORBIDDEN_NETWORKS)
        )

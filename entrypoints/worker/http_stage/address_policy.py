"""Which addresses a stage of kind `http` may reach: public ones, and what the worker's settings add. Standard library only."""

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
        "168.63.129.16/32",  # a cloud's metadata on a public address
        "192.88.99.0/24",
        "64:ff9b::/96",  # these hold an IPv4 address that would be reached instead
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "::/96",
        "fec0::/10",
    )
]


class AddressForbidden(Exception):
    """The address may not be asked; the message says why and which setting would allow it."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`networks` are allowed beside public addresses; `ports` are the only ones."""

    networks: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})

    def resolve_allowed(self, host: str, port: int, resolve: Resolver = socket.getaddrinfo) -> list[str]:
        """The host's addresses, looked up once, each of them allowed. Connect to these and to no name. Raises Forbidden."""
        if port not in self.ports:
            raise AddressForbidden(f"Port {port} may not be asked: HEADGATE_HTTP_PORTS lists those that may.")
        try:
            found = resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise AddressForbidden(f"The name {host} leads to no address.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in addresses:
            if not self.is_allowed(text):
                raise AddressForbidden(f"{host} leads to {text}, which is no public address: HEADGATE_HTTP_ALLOW would allow its network.")
        if not addresses:
            raise AddressForbidden(f"The name {host} leads to no address.")
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

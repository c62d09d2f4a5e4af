"""The addresses that outgoing requests may reach: public ones, and those that the settings add. `http` stages and web servers use it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

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

    def check_port(self, port: int) -> None:
        """Raise AddressForbidden if the port is not allowed."""
        if port not in self.ports:
            raise AddressForbidden(f"Port {port} is not allowed. Add it to HEADGATE_HTTP_PORTS to allow it.")

    def check_addresses(self, host: str, addresses: Iterable[str]) -> list[str]:
        """Return the addresses of a host, each once, all allowed. Connect to these, never to the name. Raise AddressForbidden."""
        found = list(dict.fromkeys(addresses))
        for address in found:
            if not self.is_allowed(address):
                raise AddressForbidden(
                    f"{host} has the address {address}, which is not public. Add its network to HEADGATE_HTTP_ALLOW to allow it."
                )
        if not found:
            raise AddressForbidden(f"Could not resolve {host}.")
        return found

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

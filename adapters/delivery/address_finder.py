"""Finds the addresses that a connection to a host may use."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from adapters.delivery.bounded_threads import BoundedThreads
from domain.address_policy import AddressPolicy
from domain.errors import Unavailable

Resolver = Callable[..., Sequence[tuple[Any, ...]]]
MAX_LOOKUPS: Final = 16
MAX_ADDRESSES: Final = 4
"""Addresses of a host that are tried."""
_PROXY_LOOKUP_TIMEOUT: Final = 2.0


class AddressFinder:
    """Resolves hosts and checks their addresses.

    `trusted` are the hosts and ports that the operator's own settings name: they are resolved once like others, but not judged.
    """

    def __init__(
        self, policy: AddressPolicy, trusted: frozenset[tuple[str, int]] = frozenset(), resolve: Resolver = socket.getaddrinfo
    ) -> None:
        self._policy = policy
        self._trusted = trusted
        self._resolve = resolve
        self._threads = BoundedThreads("headgate-lookup", MAX_LOOKUPS)

    async def find(self, host: str, port: int) -> list[str]:
        """Return the addresses to connect to. Raise AddressForbidden, or Unavailable if the name has none at present."""
        if (host, port) in self._trusted:
            return (await self._look_up(host, port))[:MAX_ADDRESSES]
        self._policy.check_port(port)
        return self._policy.check_addresses(host, await self._look_up(host, port))[:MAX_ADDRESSES]

    def check_written(self, host: str, port: int) -> None:
        """Raise AddressForbidden if the port, or an address that is written instead of a name, is not allowed. Look nothing up."""
        self._policy.check_port(port)
        if is_address(host):
            self._policy.check_addresses(host, [host])

    async def check_for_proxy(self, host: str, port: int) -> None:
        """Raise AddressForbidden if a proxy must not be asked for the host. Behind a proxy, public names often have no address."""
        if (host, port) in self._trusted:
            return
        with contextlib.suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(_PROXY_LOOKUP_TIMEOUT):
                await self.find(host, port)

    async def _look_up(self, host: str, port: int) -> list[str]:
        if is_address(host):
            return [host]
        try:
            found = await self._threads.run(lambda: self._resolve(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            raise Unavailable(f"Could not resolve {host}.", nothing_done=True) from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_address(host: str) -> bool:
    """Return True if the host is an address and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

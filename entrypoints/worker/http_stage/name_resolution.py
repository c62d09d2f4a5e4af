"""Resolve the host of an `http` stage's request. Standard library only."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from domain.address_policy import AddressForbidden, AddressPolicy

Resolver = Callable[..., Sequence[tuple[Any, ...]]]


def resolve_allowed(policy: AddressPolicy, host: str, port: int, resolve: Resolver = socket.getaddrinfo) -> list[str]:
    """Resolve the host once and return its addresses, all allowed. Connect to these, never to the name. Raise AddressForbidden."""
    policy.check_port(port)
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressForbidden(f"Could not resolve {host}.") from None
    return policy.check_addresses(host, (str(entry[4][0]) for entry in found))

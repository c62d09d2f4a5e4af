"""Guarded HTTP for tests: names resolve as a test wants, and loopback is allowed."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.delivery.address_finder import AddressFinder, Resolver
from adapters.delivery.guarded_http import GuardedHttp
from domain.address_policy import AddressPolicy


def resolving(places: Mapping[str, Sequence[Sequence[str]]], asked: list[str] | None = None) -> Resolver:
    """Resolve names: each lookup of a name takes its next list of addresses, the last one again and again. Others do not exist."""
    left = {name: list(answers) for name, answers in places.items()}

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        if asked is not None:
            asked.append(host)
        if host not in left:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")
        answers = left[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


def hanging_resolver(seconds: float) -> Resolver:
    """Resolve nothing for so long, then fail."""

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        time.sleep(seconds)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    return resolve


def a_guarded_http(
    *ports: int,
    allow: Sequence[str] = ("127.0.0.1/32",),
    resolve: Resolver | None = None,
    environment: Mapping[str, str] | None = None,
    trusted: frozenset[tuple[str, int]] = frozenset(),
    keeps_connections: bool = False,
) -> GuardedHttp:
    """Return guarded HTTP that may reach these ports of the allowed networks. Without `resolve`, no name has an address."""
    policy = AddressPolicy(tuple(ipaddress.ip_network(network) for network in allow), frozenset(ports))
    finder = AddressFinder(policy, trusted, resolve or resolving({}))
    return GuardedHttp(finder, environment or {}, keeps_connections=keeps_connections)

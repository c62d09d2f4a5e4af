"""Choose the HTTP proxy of a URL from the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. Standard library only."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

_SUFFIX: Final = "_proxy"
_EXEMPTIONS: Final = "no_proxy"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class InvalidProxy(ValueError):
    """The proxy of a URL cannot be used. The message names the variable and never shows its value, which may hold a password."""


def find_proxy(url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of the proxy that a request to `url` goes through, None without one. Raise InvalidProxy."""
    target = urlsplit(url)
    if is_this_machine(target.hostname or "") or _is_exempt(target, _read(environment, _EXEMPTIONS)[1]):
        return None
    for variable in (f"{target.scheme.lower()}{_SUFFIX}", f"all{_SUFFIX}"):
        name, value = _read(environment, variable)
        if value:
            return _check(name, value)
    return None


def is_this_machine(host: str) -> bool:
    """True if a connection to this host never leaves the machine. Names other than localhost are not resolved."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _parse_address(name)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def is_proxy_variable(name: str) -> bool:
    """True for every variable that programs read as a proxy or as the list of hosts without one."""
    return name.lower().endswith(_SUFFIX)


def remove_proxy_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that must connect to this machine only."""
    return {name: value for name, value in environment.items() if not is_proxy_variable(name)}


def exempt_local_hosts(environment: Mapping[str, str], hosts: Iterable[str] = ()) -> dict[str, str]:
    """Return the environment with this machine, and `hosts`, in NO_PROXY and no_proxy, if it has any proxy.

    Most programs, curl for one, would send requests to loopback to the proxy.
    """
    changed = dict(environment)
    if not any(is_proxy_variable(name) and name.lower() != _EXEMPTIONS for name in environment):
        return changed
    common = _read(environment, _EXEMPTIONS)[1]
    for name in (_EXEMPTIONS, _EXEMPTIONS.upper()):
        listed = [entry for entry in re.split(r"[,\s]+", environment.get(name) or common) if entry]
        changed[name] = "*" if "*" in listed else ",".join(dict.fromkeys([*listed, *_LOOPBACK, *(host.strip("[]") for host in hosts)]))
    return changed


def _read(environment: Mapping[str, str], variable: str) -> tuple[str, str]:
    """Return the name and the value of a variable. The lower-case one counts if there are several, also if it is empty."""
    if variable in environment:
        return variable, environment[variable].strip()
    for name in sorted(environment):
        # A CGI server sets HTTP_PROXY from a request's `Proxy` header.
        if name.lower() == variable and not (name == "HTTP_PROXY" and "REQUEST_METHOD" in environment):
            return name, environment[name].strip()
    return variable, ""


def _check(name: str, value: str) -> str:
    proxy = value if "://" in value else f"http://{value}"
    scheme = proxy.partition("://")[0].lower()
    if scheme not in ("http", "https"):
        kind = f"a {scheme} proxy" if re.fullmatch(r"[a-z][a-z0-9+.-]{0,19}", scheme) else "not a URL"
        raise InvalidProxy(f"{name} is {kind}, which Headgate cannot use: set an HTTP proxy, such as http://proxy.example.com:3128")
    try:
        parts = urlsplit(proxy)
        is_valid = bool(parts.hostname) and parts.port != 0 and re.fullmatch(r"[\x21-\x7e]+", proxy) is not None
        is_valid = is_valid and re.fullmatch(r"[\w.:%-]+", parts.hostname or "") is not None
    except ValueError:
        is_valid = False
    if not is_valid:
        raise InvalidProxy(f"{name} is not a valid URL: write it as http://proxy.example.com:3128")
    return f"{scheme}://{proxy.partition('://')[2]}"


def _is_exempt(target: SplitResult, listed: str) -> bool:
    host = (target.hostname or "").rstrip(".").lower()
    try:
        port = target.port or _PORTS.get(target.scheme.lower())
    except ValueError:
        port = None
    return any(_matches(entry.lower(), host, port) for entry in re.split(r"[,\s]+", listed) if entry)


def _matches(entry: str, host: str, port: int | None) -> bool:
    entry = entry.partition("://")[2] or entry
    address = _parse_address(host)
    if address is not None and (network := _parse_network(entry)) is not None:
        return address in network
    name, separator, listed_port = entry.rpartition(":")
    if separator and listed_port.isdecimal() and _parse_address(entry.strip("[]")) is None:
        if int(listed_port) != port:
            return False
        entry = name
    entry = entry.strip("[]").rstrip(".")
    if entry == "*":
        return True
    entry = entry.removeprefix("*").removeprefix(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    try:
        # The short forms that the system's resolver takes, such as 127.1.
        return ipaddress.IPv4Address(socket.inet_aton(text)) if re.fullmatch(r"[0-9a-fx.]+", text) else None
    except OSError:
        return None

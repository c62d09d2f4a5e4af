"""The redirects that outgoing requests may follow. `http` stages and web servers use it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from domain.address_policy import AddressForbidden

MAX_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
SAFE_HEADERS: Final = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})
"""Headers that another origin may get too. Others may be secret."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a request continues. Without `keeps_body` it has no body; without `keeps_headers` it has only SAFE_HEADERS."""

    url: str
    method: str
    keeps_body: bool
    keeps_headers: bool


def check_redirect(url: str, location: str, status: int, method: str, *, has_body: bool) -> Redirect:
    """Return where the request continues. Raise AddressForbidden. The address of its host is checked later, like the first one."""
    target = urljoin(url, location)
    if _is_malformed(target):
        raise AddressForbidden("The response redirects to a forbidden address.")
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise AddressForbidden("The response redirects from https to http.")
    keeps_body = has_body
    if status == HTTPStatus.SEE_OTHER or (status in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND) and method == "POST"):
        method, keeps_body = "GET", False
    keeps_headers = get_origin(target) == get_origin(url)
    if keeps_body and not keeps_headers:
        raise AddressForbidden("The response redirects the request body to another origin.")
    return Redirect(target, method, keeps_body, keeps_headers)


def get_origin(url: str) -> tuple[str, str, int]:
    """Return the scheme, the host and the port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_malformed(target: str) -> bool:
    try:
        parts = urlsplit(target)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return True
    return not is_valid or not target.isascii() or any(sign in target for sign in "\\ \t\r\n") or "@" in parts.netloc

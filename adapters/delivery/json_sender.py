"""Sends JSON over HTTP to systems that receive lifecycle events."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.guarded_http import GuardedHttp
from application.ports.delivery.outgoing_http import OutgoingRequest, OutgoingResponse
from domain.address_policy import AddressForbidden, AddressPolicy
from domain.errors import Unavailable
from domain.redirect_policy import get_origin

_TIMEOUT: Final = 10.0
_SUCCESS: Final = range(200, 300)
_PERMANENT_STATUSES = frozenset({400, 409, 410, 413, 415, 422})
"""Statuses that reject the body: sending it again would fail again. Other failures, a wrong key or path included, may be temporary."""


class JsonSender:
    """Posts to one URL. `path` is appended to a URL without a path.

    The URL is the operator's own setting, so its host and port are allowed. Redirects are not followed.
    """

    def __init__(self, name: str, url: str, path: str, headers: Mapping[str, str], timeout: float = _TIMEOUT) -> None:
        self._name = name
        self._timeout = timeout
        self.url = url if _has_path(url) else url.rstrip("/") + path
        credentials, self._target = _split_credentials(self.url)
        self._headers = {"Content-Type": "application/json", **credentials, **headers}
        self._http = GuardedHttp(AddressFinder(AddressPolicy(), _list_trusted(self._target)), keeps_connections=True)

    async def close(self) -> None:
        await self._http.close()

    async def post(self, body: Any) -> str | None:
        """Return None if the system accepted the body, or why it rejected it for good. Raise Unavailable if a retry may succeed."""
        response = await self._send(json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode())
        if response.status in _SUCCESS:
            return None
        message = f"{self._name} responded with {response.status}: {_to_one_line(response.body.decode('utf-8', 'replace'))}"
        if response.status in _PERMANENT_STATUSES:
            return message
        raise Unavailable(message)

    async def _send(self, body: bytes) -> OutgoingResponse:
        try:
            return await self._http.send(OutgoingRequest("POST", self._target, self._headers, body, self._timeout, max_bytes=2_000))
        except (Unavailable, AddressForbidden) as error:
            raise Unavailable(f"{self._name} does not respond: {error}") from error


def _has_path(url: str) -> bool:
    try:
        return bool(urlsplit(url).path.strip("/"))
    except ValueError:
        return True


def _list_trusted(url: str) -> frozenset[tuple[str, int]]:
    """Return the host and the port of the URL; nothing if it is none, which `send` then reports."""
    try:
        _, host, port = get_origin(url)
    except ValueError:
        return frozenset()
    return frozenset({(host, port)})


def _split_credentials(url: str) -> tuple[dict[str, str], str]:
    """Return the header for the user and the password in a URL, and the URL without them."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {}, url
    user_info, separator, place = parts.netloc.rpartition("@")
    if not separator:
        return {}, url
    encoded = base64.b64encode(unquote(user_info).encode()).decode()
    return {"Authorization": f"Basic {encoded}"}, urlunsplit(parts._replace(netloc=place))


def _to_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:200]).strip()

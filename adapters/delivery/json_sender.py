"""Sends JSON over HTTP to systems that receive lifecycle events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from adapters.http_client import open_http_client
from domain.errors import Unavailable

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
_PERMANENT_STATUSES = frozenset({400, 409, 410, 413, 415, 422})
"""Statuses that reject the body: sending it again would fail again. Other failures, a wrong key or path included, may be temporary."""


class JsonSender:
    """Posts to one URL. `path` is appended to a URL without a path."""

    def __init__(self, name: str, url: str, path: str, headers: Mapping[str, str]) -> None:
        self._name = name
        self.url = url if urlsplit(url).path.strip("/") else url.rstrip("/") + path
        self._http = open_http_client([self.url], headers=dict(headers), timeout=_TIMEOUT)

    async def close(self) -> None:
        await self._http.aclose()

    async def post(self, body: Any) -> str | None:
        """Return None if the system accepted the body, or why it rejected it for good. Raise Unavailable if a retry may succeed."""
        try:
            response = await self._http.post(self.url, json=body)
        except httpx.ProxyError as error:
            raise Unavailable(f"{self._name} cannot be reached through the proxy: {error}.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{self._name} does not respond ({type(error).__name__}).") from error
        if response.is_success:
            return None
        message = f"{self._name} responded with {response.status_code}: {_to_one_line(response.text)}"
        if response.status_code in _PERMANENT_STATUSES:
            return message
        raise Unavailable(message)


def _to_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:200]).strip()

"""JSON over HTTP to systems that are told of runs, with their answers in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from domain.errors import Unavailable

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
_NEVER = frozenset({400, 409, 410, 413, 415, 422})
"""Answers about the body: the same body would get them again. Any other failure may pass, a wrong key or address included."""


class JsonSender:
    """Posts to one address. `path` is added to an address that has none."""

    def __init__(self, name: str, address: str, path: str, headers: Mapping[str, str]) -> None:
        self._name = name
        self.url = address if urlsplit(address).path.strip("/") else address.rstrip("/") + path
        self._http = httpx.AsyncClient(headers=dict(headers), timeout=_TIMEOUT, verify=self.url.startswith("https://"))

    async def close(self) -> None:
        await self._http.aclose()

    async def post(self, body: Any) -> str | None:
        """None when it was taken, else why it never will be. Unavailable when it may be later."""
        try:
            response = await self._http.post(self.url, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{self._name} does not answer ({type(error).__name__}).") from error
        if response.is_success:
            return None
        said = f"{self._name} answered {response.status_code}: {_one_line(response.text)}"
        if response.status_code in _NEVER:
            return said
        raise Unavailable(said)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:200]).strip()

"""Health checks of servers that Headgate starts. They use the standard library: `headgate up` needs no other HTTP client."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from http.client import HTTPException

_START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2
_REQUEST_SECONDS = 5.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The servers run on this machine, so no proxy is used."""


async def wait_until_healthy(health_url: str, seconds: float = _START_TIMEOUT_SECONDS) -> bool:
    """Return True once the URL responds with 200, False if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await asyncio.to_thread(_is_healthy, health_url):
            return True
        await asyncio.sleep(_POLL_SECONDS)
    return False


def _is_healthy(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=_REQUEST_SECONDS) as response:
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False

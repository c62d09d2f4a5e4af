"""Health checks of servers that Headgate starts."""

from __future__ import annotations

import asyncio
import time

import httpx

_START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2


async def wait_until_healthy(health_url: str, seconds: float = _START_TIMEOUT_SECONDS) -> bool:
    """Return True once the URL responds with 200, False if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            try:
                if (await client.get(health_url)).status_code == 200:
                    return True
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_POLL_SECONDS)
    return False

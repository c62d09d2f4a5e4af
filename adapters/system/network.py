"""TODO."""

from __future__ import annotations

import asyncio
import socket
import time

import httpx

_FIRST_BOOT_SECONDS = 120.0
_LOOK_SECONDS = 0.2


def find_free_port() -> int:
    """A port that nothing listened on a moment ago, on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def wait_until_healthy(health_url: str, seconds: float = _FIRST_BOOT_SECONDS) -> bool:
    """True when `health_url` answers 200; False when it has not within `seconds`."""
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            try:
                if (await client.get(health_url)).status_code == 200:
                    return True
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_LOOK_SECONDS)
    return False

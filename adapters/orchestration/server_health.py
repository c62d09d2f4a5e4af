"""Health checks of servers that Headgate starts. They use the standard library: `headgate up` needs no other HTTP client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

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


async def read_health(url: str) -> Mapping[str, Any]:
    """Return the JSON object that the URL responds with, also if it reports a problem; an empty one if there is none."""
    return await asyncio.to_thread(_read_health, url)


def _read_health(url: str) -> Mapping[str, Any]:
    with contextlib.suppress(OSError, HTTPException, ValueError):
        try:
            response = _OPENER.open(url, timeout=_REQUEST_SECONDS)
        except HTTPError as problem:
            response = problem
        with response:
            found = json.load(response)
            return found if isinstance(found, dict) else {}
    return {}


def _is_healthy(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=_REQUEST_SECONDS) as response:
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False

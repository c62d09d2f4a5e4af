"""Wait for the Prefect server. This module does not import Prefect."""

from __future__ import annotations

import asyncio
from typing import Final

from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator

_LONGEST_PAUSE: Final = 2.0


async def wait_until_healthy(prefect: PrefectOrchestrator) -> None:
    """Return once the server responds to its health check. Pauses between checks grow to two seconds."""
    pause = 0.5
    while not await prefect.is_healthy():
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, 1.5 * pause)

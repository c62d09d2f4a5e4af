"""Print how far the web has applied a folder of pipelines."""

import asyncio

from adapters.orchestration.server_health import read_health
from entrypoints.supervisor.managed_process import Print

_POLL_SECONDS = 0.5


async def wait_for_folder(web_url: str, print_line: Print) -> None:
    """Return once the web is ready. Print what is wrong in the folder, and again whenever that changes."""
    printed = ""
    while True:
        health = await read_health(f"{web_url}/readyz")
        if health.get("status") == "ready":
            return
        problem = str(health["detail"]) if health.get("problems") else ""
        if problem and problem != printed:
            print_line(f"not ready: {problem}")
            printed = problem
        await asyncio.sleep(_POLL_SECONDS)

"""`headgate prune` and `headgate retry-prefect`: what the services do in their own time, done now."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from application.services.maintenance.retention_pruner import PruneResult
from entrypoints.container import Adapters, Application
from entrypoints.settings import Settings

Result = TypeVar("Result")


def prune(settings: Settings) -> list[str]:
    """Forget what has been kept long enough; a line for each thing done."""
    return format_prune_result(_within(settings, lambda application: application.retention_pruner().prune()))


def retry_prefect(settings: Settings) -> str:
    """Offer to Prefect once more what it refused; a line that says how many dispatches that were."""
    released = _within(settings, lambda application: application.release_quarantine()())
    return f"{released} in quarantine, due now." if released else "Nothing is in quarantine."


def format_prune_result(pruned: PruneResult) -> list[str]:
    lines = [f"dropped {name}" for name in pruned.dropped] + [f"made {name}" for name in pruned.made]
    counts = {"answers to reports": pruned.receipts, "answers to keyed requests": pruned.answers, "workers long gone": pruned.workers}
    lines += [f"deleted {count:,} {what}" for what, count in counts.items() if count]
    return lines or ["Nothing is old enough to be forgotten."]


def _within(settings: Settings, work: Any) -> Any:
    application = Application(settings=settings, adapters=Adapters(settings=settings))

    async def run() -> Any:
        try:
            done: Coroutine[Any, Any, Any] = work(application)
            return await done
        finally:
            await application.adapters.database().stop()

    return asyncio.run(run())

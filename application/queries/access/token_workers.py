"""Describe which workers the revocation of a token stops."""

from collections.abc import Sequence

from application.ports.persistence.workers import TokenWorker
from domain.name_lists import format_names


def describe_revocation(workers: Sequence[TokenWorker]) -> str:
    """Return a sentence that names the workers that stop when their token is revoked."""
    online = [worker for worker in workers if worker.is_online]
    if not online:
        return "No worker that is online uses this token."
    running = sum(worker.running_stages for worker in online)
    stops = f"Without this token, {format_names([worker.name for worker in online])} {'stops' if len(online) == 1 else 'stop'}"
    if not running:
        return f"{stops}."
    if running == 1:
        return f"{stops}. {'Its' if len(online) == 1 else 'Their'} running stage is killed, and lost when its lease expires."
    return f"{stops}. {'Its' if len(online) == 1 else 'Their'} {running:,} running stages are killed, and lost when their leases expire."

"""Open streams to workers, held by this process."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from application.ports.persistence import WorkerSeen

Message = Mapping[str, Any]
"""What is pushed: `{"type": "claim" | "cancel" | "wake", …}`, JSON-ready."""


class WorkerLinks(Protocol):
    """In memory. Slots are counted here between a push and the worker's next word on how many are free."""

    def open(self, worker: WorkerSeen) -> AsyncIterator[Message]:
        """The worker's messages, until it leaves; opening again under the same id ends the earlier stream."""
        ...

    def set_free(self, worker_id: str, free: int) -> None: ...

    def reserve(self, pool: str) -> WorkerSeen | None:
        """The linked worker of the pool with most free slots, all its free slots taken; None when there is none."""
        ...

    def give_back(self, worker_id: str, slots: int) -> None: ...

    def push(self, worker_id: str, message: Message) -> bool:
        """False when the worker is not linked here."""
        ...

    def is_linked(self, worker_id: str) -> bool: ...

"""Open streams to workers, held by this process."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun, WorkerMessage
from application.ports.persistence.workers import WorkerStatus


@dataclass(frozen=True, slots=True)
class Reservation:
    """Slots of a worker held for a claim that is about to be pushed."""

    worker_id: str
    slots: int


class WorkerStreams(Protocol):
    """In memory. Slots are counted here between a push and the worker's next word on how many are free."""

    def open(self, worker: WorkerStatus) -> AsyncIterator[WorkerMessage]:
        """The worker's messages, until it leaves; opening again under the same id ends the earlier stream."""
        ...

    def set_free_slots(self, worker_id: str, free: int, received: int) -> None:
        """The worker's word: `free` slots, after it got `received` claims by this stream; later claims are still to be subtracted."""
        ...

    def on_slot_freed(self, callback: Callable[[str], None]) -> None:
        """Call this with a pool's name whenever a worker of it says that it has a free slot."""
        ...

    def pools_with_free_slots(self) -> Sequence[str]:
        """Pools with a linked worker that has a free slot."""
        ...

    def reserve(self, pool: str, wanted: int) -> Reservation | None:
        """Up to `wanted` slots of the linked worker with most free ones; None when no slot is free."""
        ...

    def finish_reservation(self, reservation: Reservation, claim: Claim | None) -> bool:
        """End a reservation: push the claim (its starts keep their slots) or, without one, give all slots back.

        False when the worker has left meanwhile: it will ask for what it holds with its next heartbeat, if it lives.
        """
        ...

    def push(self, worker_id: str, message: StopRun | WakeRun) -> bool:
        """False when the worker is not linked here."""
        ...

    def close(self) -> None:
        """End every stream, and those to come: the process stops."""
        ...

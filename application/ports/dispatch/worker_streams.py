"""The open streams from this process to workers."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun, WorkerMessage
from application.ports.persistence.workers import WorkerStatus


@dataclass(frozen=True, slots=True)
class Reservation:
    """Slots of a worker that are reserved for a claim."""

    worker_id: str
    slots: int


class WorkerStreams(Protocol):
    """Streams in memory. Counts the free slots of each worker between a push and the worker's next report."""

    def open(self, worker: WorkerStatus) -> AsyncIterator[WorkerMessage]:
        """Return the worker's messages, until it disconnects. A second stream with the same id closes the first."""
        ...

    def set_free_slots(self, worker_id: str, free: int, received: int) -> bool:
        """Store the worker's report of `free` slots after `received` claims on this stream. Later claims are subtracted.

        Returns False if the worker is not connected to this process.
        """
        ...

    def on_slot_freed(self, callback: Callable[[str], None]) -> None:
        """Call this with the pool's name whenever a worker reports a free slot."""
        ...

    def pools_with_free_slots(self) -> Sequence[str]:
        """Return the pools that have a connected worker with a free slot."""
        ...

    def reserve(self, pool: str, wanted: int) -> Reservation | None:
        """Reserve up to `wanted` slots of the connected worker with the most free ones; None if no slot is free."""
        ...

    def finish_reservation(self, reservation: Reservation, claim: Claim | None) -> bool:
        """Push the claim, whose starts keep their slots, or release all reserved slots if there is none.

        Returns False if the worker has disconnected. If it is alive, it gets the claim with its next heartbeat.
        """
        ...

    def push(self, worker_id: str, message: StopRun | WakeRun) -> bool:
        """Send the message. Returns False if the worker is not connected to this process."""
        ...

    def disconnect(self, worker_id: str) -> None:
        """End the worker's stream, if it is connected to this process. A worker that is alive opens another."""
        ...

    def token_ids(self) -> Collection[int]:
        """Return the ids of the worker tokens that the connected workers use."""
        ...

    def disconnect_token(self, token_id: int) -> None:
        """End the streams of all workers with this token."""
        ...

    def close(self) -> None:
        """Close all streams and refuse new ones, since the process stops."""
        ...

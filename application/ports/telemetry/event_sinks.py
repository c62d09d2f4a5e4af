"""Systems that receive lifecycle events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.telemetry.lifecycle_events import LifecycleEvent


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """An event that the sink rejects permanently, and why."""

    event: LifecycleEvent
    why: str


class EventSink(Protocol):
    """A system that receives lifecycle events. `name` is stable; its position is stored by name."""

    @property
    def name(self) -> str: ...

    async def send(self, events: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        """Send the events in order. A repeated event changes nothing in the sink. Returns the events that the sink rejects permanently.

        Raises Unavailable if the events must be sent again later; some of them may have arrived.
        """
        ...

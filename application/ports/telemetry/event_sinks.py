"""Systems that receive lifecycle events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.telemetry.lifecycle_events import LifecycleEvent


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """What an audience will never take, and its reason in one sentence."""

    announcement: LifecycleEvent
    why: str


class EventSink(Protocol):
    """A system that is told. `name` is stable: its place in the events is kept by it."""

    @property
    def name(self) -> str: ...

    async def send(self, announcements: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        """Deliver in order; to be told the same again changes nothing there. Returns those it will never take.

        Unavailable when it is to be tried again later; some may have arrived then.
        """
        ...

"""An event sink in memory, which can be down, slow, or reject events."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from application.ports.telemetry.event_sinks import RejectedEvent
from application.ports.telemetry.lifecycle_events import LifecycleEvent, Phase
from domain.errors import Unavailable


class FakeEventSink:
    """`received` holds all events in order, repeats included; `known` holds them by id and phase.

    `find_rejection` returns the reason for which an event is rejected. With `fails_after`, each delivery fails after so many events.
    """

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.is_down = False
        self.fails_after: int | None = None
        self.is_slow = False
        self.find_rejection: Callable[[LifecycleEvent], str | None] = lambda _: None
        self.received: list[LifecycleEvent] = []
        self.known: dict[tuple[UUID, Phase], LifecycleEvent] = {}
        self.deliveries = 0

    async def send(self, events: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        self.deliveries += 1
        if self.is_slow:
            await asyncio.Event().wait()
        rejections: list[RejectedEvent] = []
        for position, event in enumerate(events):
            if self.is_down or position == self.fails_after:
                raise Unavailable(f"{self.name} does not respond.")
            why = self.find_rejection(event)
            if why is not None:
                rejections.append(RejectedEvent(event, why))
                continue
            self.received.append(event)
            self.known[event.id, event.phase] = event
        return rejections

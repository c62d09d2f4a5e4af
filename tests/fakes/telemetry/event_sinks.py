"""An audience in memory: it keeps what it is told by id and phase, and can be away, slow or choosy."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from application.ports.telemetry.event_sinks import RejectedEvent
from application.ports.telemetry.lifecycle_events import LifecycleEvent, Phase
from domain.errors import Unavailable


class FakeEventSink:
    """`is_down`: takes nothing. `refuses` says why it will never take one. `told` is everything in the order it arrived, repeats
    included; `known` has each start and each end once. `fails_after`: takes so many of a delivery, then is away."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.is_down = False
        self.fails_after: int | None = None
        self.is_slow = False
        self.refuses: Callable[[LifecycleEvent], str | None] = lambda _: None
        self.told: list[LifecycleEvent] = []
        self.known: dict[tuple[UUID, Phase], LifecycleEvent] = {}
        self.deliveries = 0

    async def send(self, announcements: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        self.deliveries += 1
        if self.is_slow:
            await asyncio.Event().wait()
        refusals: list[RejectedEvent] = []
        for place, announcement in enumerate(announcements):
            if self.is_down or place == self.fails_after:
                raise Unavailable(f"{self.name} does not answer.")
            why = self.refuses(announcement)
            if why is not None:
                refusals.append(RejectedEvent(announcement, why))
                continue
            self.told.append(announcement)
            self.known[announcement.id, announcement.phase] = announcement
        return refusals

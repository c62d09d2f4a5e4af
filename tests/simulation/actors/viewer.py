"""A viewer of the stream of all events. It reconnects with its last cursor."""

import asyncio
import json

from domain.errors import Unavailable
from tests.simulation.actors.web import Web
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.process import Process
from tests.support.invariants import DOUBLED, LOST, Violation

SITE_RUN_ID = 0


class Viewer(Process):
    """`seen` has every event (run id, seq), or (SITE_RUN_ID, id) of a site event, in the order of arrival."""

    def __init__(self, name: str, context: SimulationContext) -> None:
        super().__init__(name, context.report_defect)
        self._context = context
        self._cursor: str | None = None
        self._watching: asyncio.Task[None] | None = None
        self.seen: list[tuple[int, int]] = []
        self.cuts = 0

    def boot(self) -> None:
        self.is_up = True
        self.run_in_background(self._watch())

    def cut(self) -> None:
        """Break the stream. Events that had arrived stay seen."""
        self.cuts += 1
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            web = self._context.pick_web()
            if web.is_up:
                self._watching = web.spawn(self._read(web))
                await asyncio.wait([self._watching])
                if not self._watching.cancelled() and isinstance(error := self._watching.exception(), Exception):
                    self._context.report_defect(f"a viewer's stream failed: {error!r}")
            await asyncio.sleep(0.2)

    async def _read(self, web: Web) -> None:
        try:
            async for chunk in web.live.stream_all_events(web.feed, self._cursor or "fake:0"):
                self._take(chunk)
        except (Unavailable, EOFError):
            return

    def _take(self, chunk: bytes) -> None:
        for message in chunk.decode().split("\n\n"):
            for line in message.splitlines():
                if line.startswith("id: "):
                    self._cursor = line[4:]
                elif line.startswith("data: "):
                    event = json.loads(line[6:])
                    self.seen.append((event["run_id"], event["seq"]) if "run_id" in event else (SITE_RUN_ID, event["id"]))

    def violations(self, stored: list[tuple[int, int]]) -> list[Violation]:
        """Return events that the viewer missed, saw twice, or saw in the wrong order within a run."""
        found = []
        if missed := sorted(set(stored) - set(self.seen)):
            found.append(Violation(LOST, f"{self.name} never saw {missed}"))
        if len(set(self.seen)) < len(self.seen):
            found.append(Violation(DOUBLED, f"{self.name} saw {len(self.seen) - len(set(self.seen))} events twice"))
        for run_id in {run_id for run_id, _ in self.seen} - {SITE_RUN_ID}:
            seqs = [seq for run, seq in self.seen if run == run_id]
            if seqs != sorted(seqs):
                found.append(Violation(LOST, f"{self.name} saw run {run_id} in the order {seqs}"))
        return found

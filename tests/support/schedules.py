"""A Headgate on fakes whose schedules tests follow through time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.runs.status import Status
from domain.schedules.tick import Tick
from tests.support.in_process import InProcessHeadgate


class ScheduledHeadgate(InProcessHeadgate):
    """Each pipeline has one command, and no worker runs it, so that its runs last until a test ends them."""

    async def add_schedules(
        self,
        name: str = "nightly",
        /,
        *schedules: dict[str, Any],
        schema: dict[str, Any] | None = None,
        limits: list[dict[str, Any]] | None = None,
        **keys: Any,
    ) -> int:
        """Create a pipeline with these schedules, or with one of these keys that fires every hour by default. Return its id."""
        times = {} if keys.keys() & {"cron", "every", "at"} else {"every": "1h"}
        written = list(schedules) or [{"name": "main", **times, **keys}]
        pipeline = await self.application.create_pipeline()(_write(name, written, parameters=schema, concurrency=limits or []))
        return int(pipeline.id)

    async def change_schedules(self, name: str, /, *schedules: dict[str, Any], **keys: Any) -> None:
        await self.application.change_pipeline()(name, _write(name, list(schedules), **keys))

    async def tick(self) -> None:
        """Decide what is due."""
        await self.application.tick_service().run_once()

    async def pass_time(self, seconds: float, step: float = 0.0) -> None:
        """Let time pass and decide what is due: at the end, or after each step."""
        steps = round(seconds / step) if step else 1
        for _ in range(steps):
            self.fakes.clock.advance(seconds / steps)
            await self.tick()

    async def end_runs(self) -> None:
        """End all unfinished runs."""
        for run in [run for run in self.fakes.store.committed.runs.values() if not run.is_over]:
            async with self.fakes.open_unit_of_work() as work:
                stored = (await work.runs.lock([run.id]))[run.id]
                stored.set_verdict(Status.COMPLETED, self.fakes.clock.now(), None)
                await work.runs.save(stored)
                await work.commit()

    @property
    def ticks(self) -> list[Tick]:
        """All ticks by time."""
        return sorted(self.fakes.store.committed.ticks.values(), key=lambda tick: (tick.due_at, tick.schedule_id))

    @property
    def states(self) -> list[str]:
        """Each tick as `09:00 fired`, or with its reason as `09:00 missed outage`."""
        return [" ".join(filter(None, (f"{tick.due_at:%H:%M}", tick.state, tick.reason))) for tick in self.ticks]

    @property
    def runs(self) -> list[tuple[datetime | None, Status]]:
        """The scheduled time and the status of each run, oldest first."""
        return [(run.trigger.scheduled_for, run.status) for _, run in sorted(self.fakes.store.committed.runs.items())]


def _write(name: str, schedules: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    return {"name": name, "stages": [{"name": "work", "kind": "command", "command": ["true"]}], "schedules": schedules, **keys}


def at(clock: str, day: int = 2) -> datetime:
    """Return a time of the day on which the fake clock starts, at nine in the morning."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)

"""Runs written to the store stage by stage, as they would have gone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from application.ports.persistence.logs import NewLogLine, UnfinishedLine, UnfinishedLines
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.workers import WorkerStatus
from domain.runs.attempt_log import LogLimit
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from tests.fakes import FakeAdapters
from tests.support.builders import a_definition

WORKER: Final = "worker-1"
RunChange = Callable[[Run], object]


@dataclass
class AttemptStory:
    """One attempt: seconds in the queue, seconds of work, its final status; None leaves it running."""

    works: float
    ends: Status | None = Status.COMPLETED
    queues: float = 0.0
    records: int | None = None
    error: str | None = None


class RunStories:
    """Writes pipelines, runs and log lines through the store's unit of work and announces them."""

    def __init__(self, fakes: FakeAdapters) -> None:
        self._fakes = fakes

    async def add_pipeline(self, name: str = "nightly", stages: Any = 3, **keys: Any) -> StoredPipeline:
        async with self._fakes.open_unit_of_work() as work:
            stored = await work.pipelines.add(a_definition(name, stages, **keys), self._fakes.clock.now())
            await work.commit()
        return stored

    async def open_run(self, pipeline: StoredPipeline, at: datetime | None = None, **parameters: Any) -> int:
        """Open a run, by default now, and return its id."""
        now = at or self._fakes.clock.now()
        async with self._fakes.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            number = (await work.runs.next_numbers([pipeline.id]))[pipeline.id]
            run = Run.open(
                pipeline_id=pipeline.id,
                definition=pipeline.definition,
                revision=pipeline.revision,
                number=number,
                trigger=Trigger("dashboard", "mara"),
                parameters=parameters,
                now=now,
            )
            run_id = await work.runs.add(run)
            await work.commit()
        await self._fakes.change_feed.announce()
        return run_id

    async def change_run(self, run_id: int, *changes: RunChange) -> None:
        """Call each change with the run, then save, commit and announce it."""
        async with self._fakes.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            for change in changes:
                change(run)
            await work.runs.save(run)
            await work.commit()
        await self._fakes.change_feed.announce()

    async def append_log(
        self, run_id: int, stage: str, lines: Sequence[str], *, attempt: int = 1, first: int = 0, at: datetime | None = None
    ) -> None:
        """Append log lines. Those that begin with `!` go to stderr, those with `%` are Headgate's own."""
        streams = {"!": "stderr", "%": "headgate"}
        begin = at or self._fakes.clock.now()
        new = [
            NewLogLine(first + index, begin + timedelta(milliseconds=317 * index), streams.get(line[:1], "stdout"), line.lstrip("!%"))
            for index, line in enumerate(lines)
        ]
        async with self._fakes.open_unit_of_work() as work:
            await work.logs.append(run_id, stage, attempt, new, LogLimit(10 << 20))
            await work.commit()
        await self._fakes.change_feed.announce(log_run_ids=[run_id])

    async def show_unfinished(self, run_id: int, stage: str, version: int, *lines: str) -> None:
        """Set the unfinished lines of a stage's first attempt. Those that begin with `!` are of stderr."""
        at = self._fakes.clock.now()
        shown = [UnfinishedLine(at, "stderr" if line.startswith("!") else "stdout", line.lstrip("!")) for line in lines]
        async with self._fakes.open_unit_of_work() as work:
            await work.logs.append(run_id, stage, 1, [], LogLimit(10 << 20), unfinished=UnfinishedLines(version, shown))
            await work.commit()
        await self._fakes.change_feed.announce(log_run_ids=[run_id])

    async def add_worker(self, free: int = 4) -> None:
        async with self._fakes.open_unit_of_work() as work:
            await work.workers.record_seen(WorkerStatus(WORKER, WORKER, "headgate", 4, free), self._fakes.clock.now())
            await work.commit()

    async def play_run(self, pipeline: StoredPipeline, begin: datetime, story: dict[str, Sequence[AttemptStory]], **parameters: Any) -> int:
        """Open a run, play the story of its stages one after the other, and return its id.

        Stages without a story complete, unless the story leaves an attempt running or the run waits for somebody.
        """
        run_id = await self.open_run(pipeline, begin, **parameters)
        await self.change_run(run_id, lambda run: _play(run, begin, story))
        return run_id


def start(run: Run, at: datetime, worker: str = WORKER) -> None:
    """Claim the run's dispatch if nobody has, and start every stage that can start."""
    if run.dispatch.state == "requested":
        run.claim(run.dispatch.epoch, worker, at)
    run.start_ready_stages(100, worker, at)


def end(stage: str, status: Status, at: datetime, *, records: int | None = None, error: str | None = None) -> RunChange:
    """Return a change that ends a stage's attempt."""

    def change(run: Run) -> None:
        attempt = run.stages[stage].current
        attempt.records_processed, attempt.error_message = records, error
        run.move(run.stages[stage], status, at, reason=Reason.ERROR if status is Status.FAILED else None)
        run.propagate(at)
        run.end_dispatch(at)

    return change


def _play(run: Run, begin: datetime, story: dict[str, Sequence[AttemptStory]]) -> None:
    ready_at = dict.fromkeys(run.stages, begin)
    for name, attempts in story.items():
        stage = run.stages[name]
        now = max([begin, *(ready_at[need] for need in stage.definition.needs)])
        for attempt in attempts:
            run.process_due(now)
            if stage.status is Status.PENDING:
                break
            now += timedelta(seconds=attempt.queues)
            if stage.status is not Status.RUNNING:
                start(run, now)
            stage.current.started_at = now
            stage.current.records_processed = attempt.records
            if attempt.ends is None:
                break
            now += timedelta(seconds=attempt.works)
            end(name, attempt.ends, now, records=attempt.records, error=attempt.error)(run)
            now += timedelta(seconds=stage.definition.retry_delay)
        ready_at[name] = now
    _finish(run, story, max(ready_at.values()))


def _finish(run: Run, story: dict[str, Sequence[AttemptStory]], now: datetime) -> None:
    """Complete the stages that have no story."""
    if any(attempts[-1].ends is None for attempts in story.values()):
        return
    while todo := [*run.running, *run.startable_stages]:
        start(run, now)
        now += timedelta(seconds=3)
        for stage in todo:
            end(stage.name, Status.COMPLETED, now)(run)

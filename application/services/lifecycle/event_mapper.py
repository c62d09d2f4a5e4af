"""From events of the log to what other systems are told of them."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import NAMESPACE_URL, UUID, uuid5

from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, LifecycleEvent, Phase, RunLifecycleEvent
from application.queries.views.events import EventView
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.events import EventType
from domain.runs.status import Status

FindRun = Callable[[int], Awaitable[RunView | None]]
_ENDED_BADLY = (Status.FAILED, Status.LOST)


class EventMapper:
    """Says the same of the same event whenever it is asked: ids and times come from what the store keeps, never from now."""

    def __init__(self, installation: str) -> None:
        self._installation = installation

    async def of(self, events: Sequence[EventView], find_run: FindRun) -> list[LifecycleEvent]:
        """One announcement for each start and each end among the events, in their order. Events of runs that are gone say nothing."""
        runs: dict[int, RunView | None] = {}
        said: dict[LifecycleEvent, None] = {}
        for event in events:
            phase = _phase(event)
            if phase is None:
                continue
            if event.run_id not in runs:
                runs[event.run_id] = await find_run(event.run_id)
            run = runs[event.run_id]
            announcement = self._announcement(event, phase, run) if run else None
            if announcement is not None:
                said[announcement] = None
        return list(said)

    def _announcement(self, event: EventView, phase: Phase, run: RunView) -> LifecycleEvent | None:
        if event.type is EventType.RUN_MOVED:
            return self._run(run, phase) if _has(phase, run.started_at, run.finished_at, run.status) else None
        stage = next((stage for stage in run.stages if stage.name == event.stage), None)
        attempt = next((attempt for attempt in stage.attempts if attempt.number == event.attempt), None) if stage else None
        if stage is None or attempt is None or not _has(phase, attempt.started_at, attempt.finished_at, attempt.status):
            return None
        return self._attempt(run, stage, attempt, phase)

    def _run(self, run: RunView, phase: Phase) -> RunLifecycleEvent:
        ended = phase is Phase.FINISHED
        return RunLifecycleEvent(
            id=self._id(f"run:{run.id}"),
            run_id=run.id,
            number=run.number,
            pipeline=run.pipeline,
            revision=run.revision,
            trigger=run.trigger,
            actor=run.actor,
            phase=phase,
            status=run.status if ended else Status.RUNNING,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at if ended else None,
            records_processed=run.records_processed if ended else None,
            error_message=_why(run) if ended else None,
        )

    def _attempt(self, run: RunView, stage: StageRunView, attempt: AttemptView, phase: Phase) -> AttemptLifecycleEvent:
        ended = phase is Phase.FINISHED
        return AttemptLifecycleEvent(
            id=self._id(f"run:{run.id}:{attempt.number}:{stage.name}"),
            run=self._run(run, Phase.STARTED),
            stage=stage.name,
            kind=stage.kind,
            number=attempt.number,
            phase=phase,
            status=attempt.status if ended else Status.RUNNING,
            reason=attempt.reason if ended else None,
            created_at=attempt.created_at,
            queued_at=attempt.queued_at,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at if ended else None,
            needs=tuple(stage.needs),
            records_processed=attempt.records_processed if ended else None,
            error_message=attempt.error_message if ended else None,
            worker=attempt.worker,
        )

    def _id(self, what: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"headgate:{self._installation}:{what}")


def _phase(event: EventView) -> Phase | None:
    if event.type not in (EventType.RUN_MOVED, EventType.STAGE_MOVED) or event.status is None:
        return None
    if event.status is Status.RUNNING:
        return Phase.STARTED
    return Phase.FINISHED if event.status.is_terminal else None


def _has(phase: Phase, started: object, finished: object, status: Status) -> bool:
    """Whether that phase still is a fact: a run that was reopened since is not finished."""
    return started is not None if phase is Phase.STARTED else finished is not None and status.is_terminal


def _why(run: RunView) -> str | None:
    """The first sentence of a stage that ended badly."""
    if run.status not in _ENDED_BADLY:
        return None
    bad = (stage for stage in run.stages if stage.status in _ENDED_BADLY and stage.newest.error_message)
    return next((f"{stage.name}: {stage.newest.error_message}" for stage in bad), None)

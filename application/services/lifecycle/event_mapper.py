"""Maps run events to the lifecycle events that other systems receive."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import NAMESPACE_URL, UUID, uuid5

from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, LifecycleEvent, Phase, RunLifecycleEvent
from application.queries.views.events import EventView
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.events import EventType
from domain.runs.status import Status

FindRun = Callable[[int], Awaitable[RunView | None]]
_FAILED_STATUSES = (Status.FAILED, Status.LOST)


class EventMapper:
    """Maps an event to the same lifecycle event every time: ids and times come from the store, not from the clock."""

    def __init__(self, installation: str) -> None:
        self._installation = installation

    async def map_events(self, events: Sequence[EventView], find_run: FindRun) -> list[LifecycleEvent]:
        """Return one lifecycle event per start and end, in order. Events of runs that no longer exist are skipped."""
        runs: dict[int, RunView | None] = {}
        mapped: dict[LifecycleEvent, None] = {}
        for event in events:
            phase = _get_phase(event)
            if phase is None:
                continue
            if event.run_id not in runs:
                runs[event.run_id] = await find_run(event.run_id)
            run = runs[event.run_id]
            lifecycle_event = self._map_event(event, phase, run) if run else None
            if lifecycle_event is not None:
                mapped[lifecycle_event] = None
        return list(mapped)

    def _map_event(self, event: EventView, phase: Phase, run: RunView) -> LifecycleEvent | None:
        if event.type is EventType.RUN_MOVED:
            return self._map_run(run, phase) if _has_reached(phase, run.started_at, run.finished_at, run.status) else None
        stage = next((stage for stage in run.stages if stage.name == event.stage), None)
        attempt = next((attempt for attempt in stage.attempts if attempt.number == event.attempt), None) if stage else None
        if stage is None or attempt is None or not _has_reached(phase, attempt.started_at, attempt.finished_at, attempt.status):
            return None
        return self._map_attempt(run, stage, attempt, phase)

    def _map_run(self, run: RunView, phase: Phase) -> RunLifecycleEvent:
        is_finished = phase is Phase.FINISHED
        return RunLifecycleEvent(
            id=self._make_id(f"run:{run.id}"),
            run_id=run.id,
            number=run.number,
            pipeline=run.pipeline,
            revision=run.revision,
            trigger=run.trigger,
            actor=run.actor,
            phase=phase,
            status=run.status if is_finished else Status.RUNNING,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at if is_finished else None,
            records_processed=run.records_processed if is_finished else None,
            error_message=_get_error_message(run) if is_finished else None,
        )

    def _map_attempt(self, run: RunView, stage: StageRunView, attempt: AttemptView, phase: Phase) -> AttemptLifecycleEvent:
        is_finished = phase is Phase.FINISHED
        return AttemptLifecycleEvent(
            id=self._make_id(f"run:{run.id}:{attempt.number}:{stage.name}"),
            run=self._map_run(run, Phase.STARTED),
            stage=stage.name,
            kind=stage.kind,
            number=attempt.number,
            phase=phase,
            status=attempt.status if is_finished else Status.RUNNING,
            reason=attempt.reason if is_finished else None,
            created_at=attempt.created_at,
            queued_at=attempt.queued_at,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at if is_finished else None,
            needs=tuple(stage.needs),
            records_processed=attempt.records_processed if is_finished else None,
            error_message=attempt.error_message if is_finished else None,
            worker=attempt.worker,
        )

    def _make_id(self, key: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"headgate:{self._installation}:{key}")


def _get_phase(event: EventView) -> Phase | None:
    if event.type not in (EventType.RUN_MOVED, EventType.STAGE_MOVED) or event.status is None:
        return None
    if event.status is Status.RUNNING:
        return Phase.STARTED
    return Phase.FINISHED if event.status.is_terminal else None


def _has_reached(phase: Phase, started: object, finished: object, status: Status) -> bool:
    """Return True if the run or attempt is still in that phase or past it; a retried run is no longer finished."""
    return started is not None if phase is Phase.STARTED else finished is not None and status.is_terminal


def _get_error_message(run: RunView) -> str | None:
    """Return the error of the first failed or lost stage of a failed run."""
    if run.status not in _FAILED_STATUSES:
        return None
    failed = (stage for stage in run.stages if stage.status in _FAILED_STATUSES and stage.newest.error_message)
    return next((f"{stage.name}: {stage.newest.error_message}" for stage in failed), None)

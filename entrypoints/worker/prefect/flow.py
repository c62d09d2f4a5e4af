"""The flow `run_pipeline`. In Headgate's worker it shows a dispatch that runs beside it; under Prefect's own worker it executes one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed

from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.stage_attempt import StageAttempt
from entrypoints.worker_protocol.messages import AttemptKey, DispatchKey, StageReport


@dataclass(frozen=True, slots=True)
class TrackedDispatch:
    """A dispatch that this process executes. `on_started` is called once its flow runs."""

    executor: RunExecutor
    result: asyncio.Future[DispatchResult]
    on_started: Callable[[], None]
    attempts: dict[AttemptKey, StageAttempt]


_NO_STORAGE: Final = Path()
tracked_dispatches: Final[dict[DispatchKey, TrackedDispatch]] = {}
"""The dispatches shown in Prefect by this process. The flow gets their keys, because Prefect inspects every parameter."""


# A tag would cost a request for concurrency, a persisted result a write, a cache policy a hash of the parameters.
@task(name="stage", persist_result=False, cache_policy=NO_CACHE)  # type: ignore[untyped-decorator]
async def stage(run_id: int, epoch: int, name: str, attempt: int) -> State[Any]:
    """Show one attempt: this task runs as long as the attempt and ends in its state."""
    report = await asyncio.shield(tracked_dispatches[run_id, epoch].attempts[name, attempt].ended)
    return _to_attempt_state(report)


# Nothing is stored in `result_storage`. Without one, the engine asks the server for it by a request that blocks the event loop.
@flow(name="run_pipeline", persist_result=False, result_storage=_NO_STORAGE, validate_parameters=False)  # type: ignore[untyped-decorator]
async def run_pipeline(run_id: int, number: int, epoch: int = 1) -> State[Any]:
    """Show or execute one dispatch of a run. `number` is the run's number within its pipeline."""
    dispatch = tracked_dispatches.get((run_id, epoch))
    if dispatch is not None:
        return await track(dispatch)
    # Only a process of Prefect's own worker needs this import.
    from entrypoints.worker.prefect.flow_runner import claim_and_execute

    async with claim_and_execute((run_id, epoch)) as tracked:
        # Not Cancelled, which Headgate would take for a request to cancel the run.
        return Crashed(message=tracked) if isinstance(tracked, str) else await _register_and_track(tracked)


async def track(dispatch: TrackedDispatch) -> State[Any]:
    """Start a task for each attempt, and return the state of the dispatch once it has ended."""
    dispatch.on_started()
    tasks = [asyncio.create_task(_track_attempt(dispatch, attempt)) async for attempt in _read_attempts(dispatch)]
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait({dispatch.result})
    if dispatch.result.cancelled():
        return Crashed(message="The worker stopped before the dispatch ended.")
    return to_final_state(dispatch.result.result())


async def _register_and_track(dispatch: TrackedDispatch) -> State[Any]:
    tracked_dispatches[dispatch.executor.key] = dispatch
    try:
        return await track(dispatch)
    finally:
        del tracked_dispatches[dispatch.executor.key]


async def _read_attempts(dispatch: TrackedDispatch) -> AsyncIterator[StageAttempt]:
    async for attempt in dispatch.executor.attempts():
        dispatch.attempts[attempt.attempt_key] = attempt
        yield attempt


async def _track_attempt(dispatch: TrackedDispatch, attempt: StageAttempt) -> None:
    name, number = attempt.attempt_key
    label = name if number == 1 else f"{name} (attempt {number})"
    run_id, epoch = dispatch.executor.key
    await stage.with_options(task_run_name=label)(run_id, epoch, name, number, return_state=True)


def to_final_state(result: DispatchResult) -> State[Any]:
    """Return the result of a dispatch as a state of Prefect."""
    if result.refused:
        return Crashed(message="The dispatch was taken from this worker. Headgate shows how the run continues.")
    statuses = {report.stage: report.status for report in result.reports}
    lost = [stage for stage, status in statuses.items() if status == "lost" and stage not in result.allowed_failures]
    if lost:
        return Crashed(message=f"Lost: {', '.join(lost)}.")
    if result.stopped or "cancelled" in statuses.values():
        return Cancelled(message="The run was stopped.")
    failed = [stage for stage, status in statuses.items() if status == "failed" and stage not in result.allowed_failures]
    if failed:
        return Failed(message=f"Failed: {', '.join(failed)}.")
    return Completed(message=f"{len(statuses)} {'stage' if len(statuses) == 1 else 'stages'} done.")


def _to_attempt_state(report: StageReport | None) -> State[Any]:
    if report is None:
        return Crashed(message="The dispatch was taken from this worker.")
    if report.status == "completed":
        records = report.records_processed
        return Completed(message=None if records is None else f"{records:,} records")
    if report.status == "cancelled":
        return Cancelled(message="Cancelled.")
    if report.status == "lost":
        return Crashed(message=report.error_message)
    return Failed(message=report.error_message, name="TimedOut" if report.reason == "timeout" else "Failed")

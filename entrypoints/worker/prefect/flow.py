"""The flow `run_pipeline`: in a worker of ours it shows a dispatch that is carried beside it; under Prefect's own worker it carries one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
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
    """A dispatch under way in this process. `began` is called once the flow runs."""

    executor: RunExecutor
    result: asyncio.Future[DispatchResult]
    on_started: Callable[[], None]
    attempts: dict[AttemptKey, StageAttempt]


tracked_dispatches: Final[dict[DispatchKey, TrackedDispatch]] = {}
"""What this process carries and shows in Prefect. The flow gets keys, not objects: Prefect looks into every parameter."""


# A tag would cost a concurrency call, a kept result a write, a cache policy a hash of the parameters.
@task(name="stage", persist_result=False, cache_policy=NO_CACHE)  # type: ignore[untyped-decorator]
async def stage(run_id: int, epoch: int, name: str, attempt: int) -> State[Any]:
    """Prefect's view of one attempt: opens when it begins here, ends as it ends."""
    report = await asyncio.shield(tracked_dispatches[run_id, epoch].attempts[name, attempt].ended)
    return _to_attempt_state(report)


@flow(name="run_pipeline", persist_result=False, validate_parameters=False)  # type: ignore[untyped-decorator]
async def run_pipeline(run_id: int, number: int, epoch: int = 1) -> State[Any]:
    """One dispatch of a run of Headgate's. `number` is the run's number within its pipeline."""
    dispatch = tracked_dispatches.get((run_id, epoch))
    if dispatch is not None:
        return await track(dispatch)
    # Imported only where Prefect's own worker runs this: a worker of ours never needs it.
    from entrypoints.worker.prefect.flow_runner import claim_and_execute

    async with claim_and_execute((run_id, epoch)) as tracked:
        # Not cancelled: that would be taken for a person's wish to stop the run.
        return Crashed(message=tracked) if isinstance(tracked, str) else await _track_registered(tracked)


async def track(dispatch: TrackedDispatch) -> State[Any]:
    """Open a task for each attempt as it begins; end as the dispatch does."""
    dispatch.on_started()
    tasks = [asyncio.create_task(_track_attempt(dispatch, attempt)) async for attempt in _attempts(dispatch)]
    await asyncio.gather(*tasks, return_exceptions=True)
    return to_final_state(await asyncio.shield(dispatch.result))


async def _track_registered(dispatch: TrackedDispatch) -> State[Any]:
    tracked_dispatches[dispatch.executor.key] = dispatch
    try:
        return await track(dispatch)
    finally:
        del tracked_dispatches[dispatch.executor.key]


async def _attempts(dispatch: TrackedDispatch) -> AsyncIterator[StageAttempt]:
    async for attempt in dispatch.executor.attempts():
        dispatch.attempts[attempt.attempt_key] = attempt
        yield attempt


async def _track_attempt(dispatch: TrackedDispatch, attempt: StageAttempt) -> None:
    name, number = attempt.attempt_key
    label = name if number == 1 else f"{name} (attempt {number})"
    run_id, epoch = dispatch.executor.key
    await stage.with_options(task_run_name=label)(run_id, epoch, name, number, return_state=True)


def to_final_state(result: DispatchResult) -> State[Any]:
    """The dispatch's end as Prefect's state."""
    if result.refused:
        return Crashed(message="The dispatch was taken from this worker; Headgate shows how the run went on.")
    ended = {report.stage: report.status for report in result.reports}
    if result.stopped or "cancelled" in ended.values():
        return Cancelled(message="The run was stopped.")
    failed = [stage for stage, status in ended.items() if status == "failed" and stage not in result.allowed_failures]
    if failed:
        return Failed(message=f"Failed: {', '.join(failed)}.")
    return Completed(message=f"{len(ended)} {'stage' if len(ended) == 1 else 'stages'} done.")


def _to_attempt_state(report: StageReport | None) -> State[Any]:
    if report is None:
        return Crashed(message="The dispatch was taken from this worker.")
    if report.status == "completed":
        records = report.records_processed
        return Completed(message=None if records is None else f"{records:,} records")
    if report.status == "cancelled":
        return Cancelled(message="Cancelled.")
    return Failed(message=report.error_message, name="TimedOut" if report.reason == "timeout" else "Failed")

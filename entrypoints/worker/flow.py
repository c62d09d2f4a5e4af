"""The flow `run_pipeline`: in a worker of ours it shows a burst that is carried beside it; under Prefect's own worker it carries one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed

from entrypoints.worker.attempt import Attempt
from entrypoints.worker.carrier import Carrier, Outcome
from entrypoints.worker.wire import BurstKey, Held, StageReport


@dataclass(frozen=True, slots=True)
class Shown:
    """A burst under way in this process. `began` is called once the flow runs."""

    carrier: Carrier
    outcome: asyncio.Future[Outcome]
    began: Callable[[], None]
    attempts: dict[Held, Attempt]


shown: Final[dict[BurstKey, Shown]] = {}
"""What this process carries and shows in Prefect. The flow gets keys, not objects: Prefect looks into every parameter."""


# A tag would cost a concurrency call, a kept result a write, a cache policy a hash of the parameters.
@task(name="stage", persist_result=False, cache_policy=NO_CACHE)  # type: ignore[untyped-decorator]
async def stage(run_id: int, epoch: int, name: str, attempt: int) -> State[Any]:
    """Prefect's view of one attempt: opens when it begins here, ends as it ends."""
    report = await asyncio.shield(shown[run_id, epoch].attempts[name, attempt].ended)
    return _state_of(report)


@flow(name="run_pipeline", persist_result=False, validate_parameters=False)  # type: ignore[untyped-decorator]
async def run_pipeline(run_id: int, number: int, epoch: int = 1) -> State[Any]:
    """One burst of a run of Headgate's. `number` is the run's number within its pipeline."""
    burst = shown.get((run_id, epoch))
    if burst is not None:
        return await show(burst)
    # Imported only where Prefect's own worker runs this: a worker of ours never needs it.
    from entrypoints.worker.by_prefect import carry_here

    async with carry_here((run_id, epoch)) as here:
        # Not cancelled: that would be taken for a person's wish to stop the run.
        return Crashed(message=here) if isinstance(here, str) else await _show_under(here)


async def show(burst: Shown) -> State[Any]:
    """Open a task for each attempt as it begins; end as the burst does."""
    burst.began()
    tasks = [asyncio.create_task(_show_attempt(burst, attempt)) async for attempt in _attempts(burst)]
    await asyncio.gather(*tasks, return_exceptions=True)
    return final_state(await asyncio.shield(burst.outcome))


async def _show_under(burst: Shown) -> State[Any]:
    shown[burst.carrier.key] = burst
    try:
        return await show(burst)
    finally:
        del shown[burst.carrier.key]


async def _attempts(burst: Shown) -> AsyncIterator[Attempt]:
    async for attempt in burst.carrier.attempts():
        burst.attempts[attempt.held] = attempt
        yield attempt


async def _show_attempt(burst: Shown, attempt: Attempt) -> None:
    name, number = attempt.held
    label = name if number == 1 else f"{name} (attempt {number})"
    run_id, epoch = burst.carrier.key
    await stage.with_options(task_run_name=label)(run_id, epoch, name, number, return_state=True)


def final_state(outcome: Outcome) -> State[Any]:
    """The burst's end as Prefect's state."""
    if outcome.refused:
        return Crashed(message="The burst was taken from this worker; Headgate shows how the run went on.")
    ended = {report.stage: report.status for report in outcome.reports}
    if outcome.stopped or "cancelled" in ended.values():
        return Cancelled(message="The run was stopped.")
    failed = [stage for stage, status in ended.items() if status == "failed" and stage not in outcome.forgiven]
    if failed:
        return Failed(message=f"Failed: {', '.join(failed)}.")
    return Completed(message=f"{len(ended)} {'stage' if len(ended) == 1 else 'stages'} done.")


def _state_of(report: StageReport | None) -> State[Any]:
    if report is None:
        return Crashed(message="The burst was taken from this worker.")
    if report.status == "completed":
        records = report.records_processed
        return Completed(message=None if records is None else f"{records:,} records")
    if report.status == "cancelled":
        return Cancelled(message="Cancelled.")
    return Failed(message=report.error_message, name="TimedOut" if report.reason == "timeout" else "Failed")

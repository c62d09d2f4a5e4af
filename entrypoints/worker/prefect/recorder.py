"""Shows the dispatches of this worker in Prefect. Failures of Prefect do not affect a dispatch."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow_async

from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator
from application.ports.dispatch.orchestrator import FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from entrypoints.worker.client.api_client import ApiClient, RequestRejected
from entrypoints.worker.prefect.flow import TrackedDispatch, run_pipeline, tracked_dispatches
from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor

log = logging.getLogger("headgate.prefect")

_MAX_STARTING: Final = 2
"""Flow runs that may be starting at a time. More would slow down each other and the stages."""
_MAX_WAITING: Final = 500
"""Dispatches that may wait to be shown. The outbox records the others."""
_RECORD_TIMEOUT: Final = 10.0
"""Seconds after the end of a dispatch for which its flow run keeps a permit to start."""


class PrefectRecorder:
    """Implements DispatchRecorder with Prefect's flow engine, in this process, whenever the worker is idle."""

    def __init__(self, prefect: PrefectOrchestrator, api: ApiClient, idle_window: IdleWindow) -> None:
        self._prefect, self._api, self._idle_window = prefect, api, idle_window
        self._start_permits = asyncio.Semaphore(_MAX_STARTING)
        self._tasks: set[asyncio.Task[Any]] = set()

    def record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        if len(self._tasks) < _MAX_WAITING:
            self._spawn(self._record(executor, result))

    async def wait(self, seconds: float) -> bool:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        return not self._tasks

    async def close(self) -> None:
        """Cancel the flow runs in progress. Prefect's engine then stores them as crashed, and the reconciler corrects that."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        try:
            since = self._idle_window.now()
            await self._start_permits.acquire()
            permit = _StartPermit(self._start_permits)
            try:
                await self._idle_window.wait(since)
                if (created := await self._create_flow_run(executor, result)) is not None:
                    self._spawn(self._report_flow_run(executor, str(created["id"])))
                    if created["state_type"] == "PENDING":
                        await self._run(created, TrackedDispatch(executor, result, permit.release, {}))
            finally:
                permit.release()
        except Exception:
            log.exception("Run %s: its worker cannot show it in Prefect", executor.key[0])

    async def _create_flow_run(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> dict[str, Any] | None:
        """Create the flow run, with retries until the dispatch is over. Return None if Prefect was never available."""
        pause = 0.5
        while True:
            try:
                return await self._prefect.create(build_flow_run_request(executor))
            except Unavailable as error:
                log.info("Run %s: Prefect cannot create its flow run yet: %s", executor.key[0], error)
            if result.done():
                return None
            await asyncio.wait({result}, timeout=pause)
            pause = min(10.0, 2 * pause)

    async def _report_flow_run(self, executor: RunExecutor, flow_run_id: str) -> None:
        try:
            await self._api.record_flow_run(executor.key, flow_run_id, executor.trace.context)
        except RequestRejected as rejection:
            log.warning("Headgate rejected flow run %s: %s", flow_run_id, rejection)

    async def _run(self, created: dict[str, Any], dispatch: TrackedDispatch) -> None:
        """Run the flow in Prefect's engine. Return when its state is stored, or some seconds after the end of the dispatch.

        The engine then goes on: it only waits for Prefect, and would store the flow run as crashed if it were cancelled.
        """
        flow_run = FlowRun.model_validate(created)
        # With a deployment, each flow run would start an observer in a thread, which blocks the loop for 0.2 s.
        flow_run.deployment_id = None
        tracked_dispatches[dispatch.executor.key] = dispatch
        engine = self._spawn(run_flow_async(run_pipeline, flow_run=flow_run, parameters=created["parameters"], return_type="state"))

        def finish(done: asyncio.Task[Any]) -> None:
            tracked_dispatches.pop(dispatch.executor.key, None)
            if not done.cancelled() and (error := done.exception()) is not None:
                log.warning("Flow run %s: %r", created["name"], error)

        engine.add_done_callback(finish)
        await asyncio.wait({engine, dispatch.result}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({engine}, timeout=_RECORD_TIMEOUT)


class _StartPermit:
    """Permission for one flow run to start. Only the first `release` counts."""

    def __init__(self, permits: asyncio.Semaphore) -> None:
        self._permits: asyncio.Semaphore | None = permits

    def release(self) -> None:
        if self._permits is not None:
            self._permits.release()
            self._permits = None


def build_flow_run_request(executor: RunExecutor) -> FlowRunRequest:
    """Return the same request for a flow run that the outbox relay would send."""
    claim = executor.claim
    return FlowRunRequest(
        pool=claim.pool,
        key=claim.key,
        name=f"{claim.pipeline}#{claim.number}" + (f" dispatch {claim.epoch}" if claim.epoch > 1 else ""),
        parameters={"run_id": claim.run_id, "number": claim.number, "epoch": claim.epoch},
        state=FlowState.PENDING,
    )

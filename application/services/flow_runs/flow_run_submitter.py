"""Creates the flow runs of stages of kind `prefect`."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Final

from application.commands.dispatches.claims import DispatchRules
from application.observability.metrics import Metric
from application.ports.dispatch.deployments import DeploymentRun, Deployments
from application.ports.dispatch.orchestrator import FlowRunRejected
from application.ports.persistence.flow_runs import FlowRunRef, FlowRunRequest
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Span, Tag, Telemetry, get_dispatch_trace_context
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.flow_runs.bounded_calls import run_bounded
from application.services.flow_runs.flow_run_requests import PreparedRequest, prepare_requests
from domain.errors import Unavailable
from domain.flow_runs.flow_run import FlowRun
from domain.runs.run_flow_runs import fail_request, note_problem, record_created

BATCH_SIZE: Final = 50
MAX_CALLS: Final = 8
"""Calls to Prefect at the same time."""
LEASE_SECONDS: Final = 60.0
CALL_SECONDS: Final = 20.0
"""The longest time of one call to Prefect; a third of a lease, so that a request is never created by two processes at once."""
POLL_SECONDS: Final = 2.0
"""The longest sleep while requests are due later, or are leased by another process."""
MAX_SLEEP_SECONDS: Final = 10.0
"""The longest sleep while nothing is requested. It bounds the delay of a request whose process ended before it created the flow run."""
MAX_BACKOFF_SECONDS: Final = 15.0
SETTLE_SECONDS: Final = 60.0
"""Seconds before Headgate drops a cancelled request, because another process may still create its flow run."""
SPAN_NAME: Final = "headgate.flow_run"
SILENT: Final = "Prefect does not respond"


class FlowRunSubmitter:
    """Creates a flow run for each request, once: Prefect gives the flow run that it has to a request that is repeated.

    Each step is a transaction of its own, and none is open during a call to Prefect. A request without a response is repeated, with
    exponential backoff and jitter; one that Prefect refuses fails the attempt.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        deployments: Deployments,
        clock: Clock,
        wakeups: LocalWakeups,
        rules: DispatchRules,
        telemetry: Telemetry,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._deployments = deployments
        self._clock = clock
        self._wakeups = wakeups
        self._rules = rules
        self._telemetry = telemetry
        self._sleep_seconds = POLL_SECONDS
        self._not_found_since: dict[FlowRunRef, datetime] = {}
        """Cancelled requests whose flow run Prefect does not have, and since when."""

    async def wait(self) -> None:
        """Return when flow runs are requested or cancelled, or when a request is due."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._sleep_seconds):
                await self._wakeups.flow_runs.wait()

    async def run_once(self) -> None:
        """Create all flow runs that are due. Raise the last error of a request that could not be processed."""
        self._wakeups.flow_runs.clear()
        self._sleep_seconds = POLL_SECONDS
        while requests := await self._lease():
            await run_bounded(MAX_CALLS, self._process, await self._prepare(requests))
            if len(requests) < BATCH_SIZE:
                break
        self._sleep_seconds = await self._compute_sleep()

    async def _lease(self) -> Sequence[FlowRunRequest]:
        async with self._open_unit_of_work() as work:
            requests = await work.flow_runs.lease_requests(BATCH_SIZE, LEASE_SECONDS)
            if requests:
                await work.commit()
        return requests

    async def _prepare(self, requests: Sequence[FlowRunRequest]) -> list[PreparedRequest]:
        async with self._open_unit_of_work() as work:
            runs = await work.runs.lock(sorted({request.ref.run_id for request in requests}))
            return prepare_requests(requests, runs, self._rules)

    async def _compute_sleep(self) -> float:
        async with self._open_unit_of_work() as work:
            next_at = await work.flow_runs.get_next_request_at()
        if next_at is None:
            self._not_found_since.clear()
            return MAX_SLEEP_SECONDS
        return min(POLL_SECONDS, max(0.05, (next_at - self._clock.now()).total_seconds()))

    async def _process(self, prepared: PreparedRequest) -> None:
        if prepared.deployment_run is None:
            await self._drop(prepared.ref)
        elif prepared.is_cancelled:
            await self._settle_cancelled(prepared, prepared.deployment_run)
        else:
            await self._create(prepared, prepared.deployment_run)

    async def _create(self, prepared: PreparedRequest, run: DeploymentRun) -> None:
        with self._open_span(prepared, run) as span:
            try:
                flow_run_id = await self._ask_prefect(prepared, replace(run, trace=span.context or prepared.trace or None))
            except FlowRunRejected as error:
                span.fail("refused", str(error))
                await self._fail(prepared, str(error))
                return
            except (Unavailable, TimeoutError) as error:
                span.fail("unavailable", str(error))
                await self._postpone(prepared, SILENT)
                return
            except Exception as error:  # an answer that cannot be read must not hold up the other requests
                span.fail("unreadable", repr(error))
                await self._postpone(prepared, f"Headgate could not read Prefect's response: {error!r:.200}")
                return
            span.tag(flow_run=flow_run_id)
            await self._record(prepared.ref, flow_run_id)
        self._telemetry.count(Metric.FLOW_RUNS_CREATED, pipeline=prepared.pipeline)

    async def _ask_prefect(self, prepared: PreparedRequest, run: DeploymentRun) -> str:
        """Return the flow run that an earlier try has created, also if its deployment was deleted since, or else a new one."""
        async with asyncio.timeout(CALL_SECONDS):
            try:
                return await self._deployments.create_flow_run(run)
            except FlowRunRejected:
                created = await self._deployments.find_flow_run(run.deployment, run.key) if prepared.request.was_leased else None
                if created is None:
                    raise
                return created

    def _open_span(self, prepared: PreparedRequest, run: DeploymentRun) -> AbstractContextManager[Span]:
        ref = prepared.ref
        parent, links = get_dispatch_trace_context(prepared.trace or {}, ref.attempt)
        tags: dict[str, Tag] = {"pipeline": prepared.pipeline, "run": ref.run_id, "stage": ref.stage, "attempt": ref.attempt}
        return self._telemetry.span(SPAN_NAME, run.deployment, parent=parent, links=links, **tags)

    async def _settle_cancelled(self, prepared: PreparedRequest, run: DeploymentRun) -> None:
        """Drop a request that was never tried. If Prefect has a flow run of it, let the follower cancel it.

        Drop other requests after SETTLE_SECONDS: until then, another process may still create the flow run.
        """
        ref, now = prepared.ref, self._clock.now()
        if not prepared.request.was_leased:
            await self._drop(ref)
            return
        try:
            async with asyncio.timeout(CALL_SECONDS):
                flow_run_id = await self._deployments.find_flow_run(run.deployment, run.key)
        except (Unavailable, TimeoutError):
            await self._postpone(prepared, SILENT)
            return
        if flow_run_id is not None:
            await self._record(ref, flow_run_id)
        elif (now - self._not_found_since.setdefault(ref, now)).total_seconds() >= SETTLE_SECONDS:
            await self._drop(ref)
        else:
            await self._postpone(prepared, None)

    async def _record(self, ref: FlowRunRef, flow_run_id: str) -> None:
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([ref.run_id])).get(ref.run_id)
            if run is not None:
                was_recorded = _is_recorded(run.get_stage(ref.stage).get_attempt(ref.attempt).flow_run, flow_run_id)
                record_created(run, ref.stage, ref.attempt, flow_run_id, self._clock.now())
                await work.runs.save(run)
            await work.flow_runs.set_created(ref, flow_run_id)
            is_forgotten = run is None or (not was_recorded and await work.flow_runs.lock_log(ref) is None)
            await work.commit()
        self._not_found_since.pop(ref, None)
        if is_forgotten:  # it was cancelled while Prefect created it, and nothing follows it
            await self._deployments.cancel(flow_run_id)
        self._wakeups.followed_flow_runs.set()
        self._wakeups.notify_committed([run] if run is not None else [])

    async def _fail(self, prepared: PreparedRequest, message: str) -> None:
        ref = prepared.ref
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([ref.run_id])).get(ref.run_id)
            if run is None:
                return
            fail_request(run, ref.stage, ref.attempt, message, self._clock.now(), may_exist=prepared.request.was_leased)
            await work.runs.save(run)
            await work.commit()
        self._wakeups.notify_committed([run])
        self._telemetry.count(Metric.FLOW_RUNS_FAILED, pipeline=prepared.pipeline)

    async def _postpone(self, prepared: PreparedRequest, problem: str | None) -> None:
        ref = prepared.ref
        delay = min(MAX_BACKOFF_SECONDS, 0.5 * 2 ** min(prepared.request.tries, 10)) * random.uniform(0.5, 1.0)
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([ref.run_id])).get(ref.run_id)
            if run is not None and problem is not None:
                note_problem(run, ref.stage, ref.attempt, problem, self._clock.now())
                await work.runs.save(run)
            await work.flow_runs.postpone(ref, delay)
            await work.commit()
        if run is not None and problem is not None:
            self._wakeups.notify_committed([run])

    async def _drop(self, ref: FlowRunRef) -> None:
        async with self._open_unit_of_work() as work:
            await work.flow_runs.remove([ref])
            await work.commit()
        self._not_found_since.pop(ref, None)


def _is_recorded(flow_run: FlowRun | None, flow_run_id: str) -> bool:
    return flow_run is not None and flow_run.id == flow_run_id

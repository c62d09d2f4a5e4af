"""Follows the flow runs of stages of kind `prefect` until they have ended."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from application.ports.dispatch.deployments import Deployments
from application.ports.persistence.flow_runs import FlowRunRef, FollowedFlowRun
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.flow_runs.bounded_calls import run_bounded
from application.services.flow_runs.flow_run_changes import FlowRunChanges
from application.services.flow_runs.flow_run_ends import FlowRunEnds
from application.services.flow_runs.seen_state import parse_seen_state
from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.runs.run_flow_runs import CANCEL_SECONDS

POLL_SECONDS: Final = 2.0
PAGE_SIZE: Final = 200
"""Flow runs that one request to Prefect observes."""
MAX_SLEEP_SECONDS: Final = 10.0
"""The longest sleep while no flow run is followed. It bounds the delay of one that another process created before it ended."""
MISSING_SECONDS: Final = 60.0
"""How long Prefect may not have a flow run before its attempt is lost."""
POOL_DELAY: Final = timedelta(seconds=5)
"""How long a flow run may wait before its pool is looked at."""
POOL_INTERVAL: Final = timedelta(seconds=30)
MIN_TURNS: Final = timedelta(seconds=2 * POLL_SECONDS)
"""The shortest time between two looks at the pools of a page, so that it is observed in between."""
MAX_CALLS: Final = 8


class FlowRunFollower:
    """Observes all flow runs every POLL_SECONDS, in one web process at a time.

    A look at the pools of flow runs that wait takes the turn of an observation, so that a page of flow runs costs one request in
    POLL_SECONDS. Only what has changed locks its run. While Prefect does not respond, the last known states stay.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        deployments: Deployments,
        clock: Clock,
        wakeups: LocalWakeups,
        changes: FlowRunChanges,
        ends: FlowRunEnds,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._deployments = deployments
        self._clock = clock
        self._wakeups = wakeups
        self._changes = changes
        self._ends = ends
        self._sleep_seconds = POLL_SECONDS

    async def wait(self) -> None:
        """Return when flow runs were created or cancelled, or after POLL_SECONDS while any is followed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._sleep_seconds):
                await self._wakeups.followed_flow_runs.wait()

    async def run_once(self) -> None:
        """Observe the flow runs, if no other process has just done so, and end the attempts whose flow runs have ended."""
        self._wakeups.followed_flow_runs.clear()
        self._sleep_seconds = POLL_SECONDS
        page = await self._begin_poll(None)
        if not page and not await self._has_followed():
            self._ends.clear()
            self._sleep_seconds = MAX_SLEEP_SECONDS
            return
        try:
            while page:
                await self._follow(page)
                page = await self._begin_poll(page[-1].ref) if len(page) == PAGE_SIZE else ()
        finally:
            await run_bounded(MAX_CALLS, self._ends.process, self._ends.list_due())
            self._sleep_seconds = min(POLL_SECONDS, self._ends.get_delay())

    async def _begin_poll(self, after: FlowRunRef | None) -> Sequence[FollowedFlowRun]:
        async with self._open_unit_of_work() as work:
            page = await work.flow_runs.begin_poll(POLL_SECONDS, PAGE_SIZE, after)
            await work.commit()
        return page

    async def _has_followed(self) -> bool:
        async with self._open_unit_of_work() as work:
            return await work.flow_runs.has_followed()

    async def _follow(self, page: Sequence[FollowedFlowRun]) -> None:
        now = self._clock.now()
        if waiting := _find_unchecked(page, now):
            problems = await self._deployments.find_pool_problems(sorted(set(waiting.values())))
            await self._changes.apply_pool_problems(waiting, problems)
            return
        seen = await self._deployments.observe([each.flow_run_id for each in page])
        await self._changes.apply_observations([each for each in page if not self._ends.has(each.ref)], seen)
        for each in page:
            observation = seen.get(each.flow_run_id)
            if observation is not None and observation.state.is_terminal:
                self._ends.add(each, observation)
        await self._handle_missing([each for each in page if each.flow_run_id not in seen], now)
        await self._mark_cancel_sent([each.ref for each in page if _is_cancelled_in_prefect(each, seen)])
        await run_bounded(MAX_CALLS, self._cancel, [each for each in page if _is_to_cancel(each, seen, now)])

    async def _handle_missing(self, missing: Sequence[FollowedFlowRun], now: datetime) -> None:
        new = [each.ref for each in missing if each.missing_since is None]
        if new:
            async with self._open_unit_of_work() as work:
                await work.flow_runs.mark_missing(new)
                await work.commit()
        for each in missing:
            if each.missing_since is not None and (now - each.missing_since).total_seconds() >= MISSING_SECONDS:
                await self._changes.lose(each)

    async def _mark_cancel_sent(self, refs: Sequence[FlowRunRef]) -> None:
        if refs:
            async with self._open_unit_of_work() as work:
                await work.flow_runs.mark_cancel_sent(refs)
                await work.commit()

    async def _cancel(self, followed: FollowedFlowRun) -> None:
        """Cancel the flow run; if that was asked for CANCEL_SECONDS ago, force its state."""
        if followed.cancel_sent_at is not None:
            await self._deployments.force_cancelled(followed.flow_run_id)
            return
        await self._deployments.cancel(followed.flow_run_id)
        await self._mark_cancel_sent([followed.ref])


def _find_unchecked(page: Sequence[FollowedFlowRun], now: datetime) -> Mapping[FollowedFlowRun, str]:
    """Return the flow runs that wait for a pool, with the pool, if it is time to look at the pools of any of them."""
    checks = [each.pool_checked_at for each in page if each.pool_checked_at is not None]
    if checks and now - max(checks) < MIN_TURNS:
        return {}
    waiting = {}
    for each in page:
        seen = parse_seen_state(each.seen)
        if seen.is_waiting and seen.pool is not None and now - each.created_at >= POOL_DELAY:
            waiting[each] = seen.pool
    is_due = any(each.pool_checked_at is None or now - each.pool_checked_at >= POOL_INTERVAL for each in waiting)
    return waiting if is_due else {}


def _is_cancelled_in_prefect(followed: FollowedFlowRun, seen: Mapping[str, FlowRunObservation]) -> bool:
    """Return True for a flow run that is being cancelled, although Headgate did not ask for it yet."""
    observation = seen.get(followed.flow_run_id)
    return observation is not None and observation.state is FlowState.CANCELLING and followed.cancel_sent_at is None


def _is_to_cancel(followed: FollowedFlowRun, seen: Mapping[str, FlowRunObservation], now: datetime) -> bool:
    observation = seen.get(followed.flow_run_id)
    if observation is None or observation.state.is_terminal:
        return False
    if followed.cancel_sent_at is not None:
        return (now - followed.cancel_sent_at).total_seconds() >= CANCEL_SECONDS
    return followed.cancel_requested_at is not None and observation.state is not FlowState.CANCELLING

"""Applies to runs what was seen of their flow runs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from application.ports.persistence.flow_runs import FollowedFlowRun
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.flow_runs.bounded_calls import run_bounded
from application.services.flow_runs.seen_state import SeenState, format_seen_state, get_seen_state, parse_seen_state
from domain.flow_runs.flow_run import FlowRun, FlowRunObservation
from domain.runs.run import Run
from domain.runs.run_flow_runs import lose_flow_run, note_problem, observe_flow_run

MAX_TRANSACTIONS: Final = 4
"""Runs that are changed at the same time."""

Change = tuple[FollowedFlowRun, FlowRunObservation | None, SeenState]
"""A flow run, what Prefect says about it (None if only its problem changed), and its state after the change."""


class FlowRunChanges:
    """Changes runs, each in a transaction of its own.

    What was seen before another process has stored something newer is not applied.
    """

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: LocalWakeups) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups

    async def apply_observations(self, page: Sequence[FollowedFlowRun], seen: Mapping[str, FlowRunObservation]) -> None:
        """Apply the observations of flow runs that have not ended."""
        found = [(each, seen[each.flow_run_id]) for each in page if each.flow_run_id in seen]
        changes: list[Change] = []
        back: list[FollowedFlowRun] = []
        for each, observation in found:
            before = parse_seen_state(each.seen)
            now = before.with_observation(observation)
            if now != before and not observation.state.is_terminal:
                changes.append((each, observation, now))
            elif each.missing_since is not None:
                back.append(each)
        await self._apply(changes)
        if back:
            async with self._open_unit_of_work() as work:
                for each in back:
                    await work.flow_runs.remember(each.ref, each.seen or format_seen_state(SeenState()))
                await work.commit()

    async def apply_pool_problems(self, waiting: Mapping[FollowedFlowRun, str], problems: Mapping[str, str]) -> None:
        """Store why flow runs wait, by the problems of their pools, and that the pools were looked at."""
        changes: list[Change] = []
        for each, pool in waiting.items():
            before = parse_seen_state(each.seen)
            now = replace(before, problem=problems.get(pool))
            if now != before:
                changes.append((each, None, now))
        async with self._open_unit_of_work() as work:
            await work.flow_runs.mark_pools_checked([each.ref for each in waiting])
            await work.commit()
        await self._apply(changes)

    async def end(self, followed: FollowedFlowRun, observation: FlowRunObservation) -> None:
        """Apply the end of a flow run."""
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([followed.ref.run_id])).get(followed.ref.run_id)
            flow_run = _get_flow_run(run, followed) if run is not None else None
            if run is None or flow_run is None or flow_run.is_over:
                await work.flow_runs.remove([followed.ref])
                await work.commit()
                return
            observe_flow_run(run, followed.ref.stage, followed.ref.attempt, observation, self._clock.now())
            await work.runs.save(run)
            await work.commit()
        self._wakeups.notify_committed([run])

    async def lose(self, followed: FollowedFlowRun) -> None:
        """End an attempt whose flow run is gone."""
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([followed.ref.run_id])).get(followed.ref.run_id)
            if run is None:
                await work.flow_runs.remove([followed.ref])
            else:
                lose_flow_run(run, followed.ref.stage, followed.ref.attempt, self._clock.now())
                await work.runs.save(run)
            await work.commit()
        self._wakeups.notify_committed([run] if run is not None else [])

    async def _apply(self, changes: Sequence[Change]) -> None:
        by_run: defaultdict[int, list[Change]] = defaultdict(list)
        for change in changes:
            by_run[change[0].ref.run_id].append(change)
        await run_bounded(MAX_TRANSACTIONS, self._change_run, by_run.values())

    async def _change_run(self, changes: Sequence[Change]) -> None:
        run_id = changes[0][0].ref.run_id
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None:
                await work.flow_runs.remove([followed.ref for followed, *_ in changes])
            else:
                for followed, observation, after in changes:
                    self._change_attempt(run, followed, observation, after)
                await work.runs.save(run)
                await self._remember(work, run, changes)
            await work.commit()
        self._wakeups.notify_committed([run] if run is not None else [])

    def _change_attempt(self, run: Run, followed: FollowedFlowRun, observation: FlowRunObservation | None, after: SeenState) -> None:
        ref, now = followed.ref, self._clock.now()
        if get_seen_state(_get_flow_run(run, followed)) != parse_seen_state(followed.seen):
            return  # another process has stored something newer
        if observation is None:
            note_problem(run, ref.stage, ref.attempt, after.problem, now)
        else:
            observe_flow_run(run, ref.stage, ref.attempt, replace(observation, problem=after.problem), now)

    async def _remember(self, work: UnitOfWork, run: Run, changes: Sequence[Change]) -> None:
        for followed, *_ in changes:
            await work.flow_runs.remember(followed.ref, format_seen_state(get_seen_state(_get_flow_run(run, followed))))


def _get_flow_run(run: Run, followed: FollowedFlowRun) -> FlowRun | None:
    return run.get_stage(followed.ref.stage).get_attempt(followed.ref.attempt).flow_run

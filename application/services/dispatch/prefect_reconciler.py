"""Compares dispatches with their flow runs in Prefect and corrects the side that is out of date."""

from datetime import datetime

from application.commands.dispatches.flow_runs import get_final_flow_state
from application.commands.runs.cancel_run import PREFECT_ACTOR, CancelRun
from application.ports.dispatch.orchestrator import Orchestrator
from application.ports.persistence.dispatches import DispatchRecord
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.errors import Conflict
from domain.flow_runs.flow_state import FlowState
from domain.runs.dispatch import DispatchState

BATCH_SIZE = 200
UNCLAIMED_TIMEOUT_SECONDS = 60.0
"""How long a flow run may be pending, or running without a claim, before its dispatch is replaced."""
SETTLE_TIMEOUT_SECONDS = 10.0
"""How long a worker has to finish its flow run after the dispatch has ended."""


class PrefectReconciler:
    """Corrects differences between Headgate and Prefect.

    While a worker holds a lease, Headgate's state is right and Prefect's is corrected. A flow run cancelled in Prefect cancels the run.
    No flow run stays Running in Prefect after its dispatch has ended, or Crashed after its dispatch has ended well.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        orchestrator: Orchestrator,
        cancel_run: CancelRun,
        clock: Clock,
        wakeups: LocalWakeups,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._orchestrator = orchestrator
        self._cancel_run = cancel_run
        self._clock = clock
        self._wakeups = wakeups
        self._running_unclaimed_since: dict[tuple[int, int], datetime] = {}

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            records = await work.dispatches.find_unsettled(BATCH_SIZE)
        requested = {(record.run_id, record.epoch) for record in records if record.state is DispatchState.REQUESTED}
        self._running_unclaimed_since = {key: since for key, since in self._running_unclaimed_since.items() if key in requested}
        if not records:
            return
        states = await self._orchestrator.get_states([record.flow_run_id for record in records if record.flow_run_id])
        for record in records:
            await self._reconcile(record, states.get(record.flow_run_id or ""))

    async def _reconcile(self, record: DispatchRecord, state: FlowState | None) -> None:
        if record.ended_at is not None:
            await self._settle(record, state)
        elif state in (FlowState.CANCELLING, FlowState.CANCELLED):
            await self._cancel(record)
        elif record.state is DispatchState.REQUESTED:
            await self._replace_if_stuck(record, state)

    async def _settle(self, record: DispatchRecord, state: FlowState | None) -> None:
        """Give the flow run of a dispatch that has ended its final state, unless its worker still has time to do so.

        The next pass checks that the state has stayed, because a worker that ended meanwhile may have set another one.
        """
        final_state = get_final_flow_state(record)
        if state is None or (state.is_terminal and (state is not FlowState.CRASHED or final_state is FlowState.CRASHED)):
            async with self._open_unit_of_work() as work:
                await work.dispatches.mark_settled(record.run_id, record.epoch)
                await work.commit()
            return
        ended = record.ended_at or self._clock.now()
        if not state.is_terminal and (self._clock.now() - ended).total_seconds() < SETTLE_TIMEOUT_SECONDS:
            return
        await self._orchestrator.set_state(record.flow_run_id or "", final_state, "The dispatch has ended in Headgate.")

    async def _cancel(self, record: DispatchRecord) -> None:
        try:
            await self._cancel_run(record.run_id, PREFECT_ACTOR, "cancelled in Prefect")
        except Conflict:  # the run is over, for example because its last stage was cancelled before a worker claimed the dispatch
            if record.state is DispatchState.REQUESTED:
                await self._close_unclaimed(record, "its flow run was cancelled in Prefect")

    async def _replace_if_stuck(self, record: DispatchRecord, state: FlowState | None) -> None:
        """Close an unclaimed dispatch whose flow run is missing, finished or stuck, so that the run requests a new dispatch."""
        waited = (self._clock.now() - record.requested_at).total_seconds()
        if state is None:
            reason = "Prefect no longer has its flow run"
        elif state.is_terminal:
            reason = f"its flow run ended in Prefect as {state}"
        elif state is FlowState.PENDING and waited > UNCLAIMED_TIMEOUT_SECONDS:
            reason = "no worker started its flow run"
        elif state is FlowState.RUNNING and self._get_unclaimed_seconds(record) > UNCLAIMED_TIMEOUT_SECONDS:
            reason = "its flow run started but did not claim it"
        else:
            return
        await self._close_unclaimed(record, reason)

    async def _close_unclaimed(self, record: DispatchRecord, reason: str) -> None:
        self._running_unclaimed_since.pop((record.run_id, record.epoch), None)
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([record.run_id])).get(record.run_id)
            if run is None or not run.close_unclaimed_dispatch(record.epoch, self._clock.now(), reason):
                return
            await work.runs.save(run)
            await work.commit()
        self._wakeups.notify_committed([run])

    def _get_unclaimed_seconds(self, record: DispatchRecord) -> float:
        """Return how long this process has seen the flow run running without a claim. A flow claims its dispatch as soon as it starts."""
        now = self._clock.now()
        return (now - self._running_unclaimed_since.setdefault((record.run_id, record.epoch), now)).total_seconds()

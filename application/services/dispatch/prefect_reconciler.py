"""Compares dispatches with their flow runs in Prefect, and mends whichever side is behind (DESIGN §4.8)."""

from datetime import datetime

from application.commands.runs.cancel_run import PREFECT_ACTOR, CancelRun
from application.ports.dispatch.orchestrator import FlowState, Orchestrator
from application.ports.persistence.dispatches import DispatchRecord
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.dispatch.outbox_relay import get_final_flow_state
from domain.errors import Conflict
from domain.runs.dispatch import DispatchState

BATCH = 200
UNCLAIMED_TIMEOUT_SECONDS = 60.0
"""Seconds Prefect may keep a dispatch pending that no worker has claimed."""
SETTLE_TIMEOUT_SECONDS = 10.0
"""Seconds a worker has to finish its flow run in Prefect after the dispatch's end."""


class PrefectReconciler:
    """While a lease of ours lives our word counts; a cancel in Prefect is a request to cancel. Never leaves Running behind there."""

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
        self._running_unclaimed: dict[tuple[int, int], datetime] = {}

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            records = await work.dispatches.find_unsettled(BATCH)
        requested = {(record.run_id, record.epoch) for record in records if record.state is DispatchState.REQUESTED}
        self._running_unclaimed = {key: since for key, since in self._running_unclaimed.items() if key in requested}
        if not records:
            return
        states = await self._orchestrator.states([record.flow_run_id for record in records if record.flow_run_id])
        for record in records:
            await self._compare(record, states.get(record.flow_run_id or ""))

    async def _compare(self, record: DispatchRecord, state: FlowState | None) -> None:
        if record.ended_at is not None:
            await self._settle(record, state)
        elif state in (FlowState.CANCELLING, FlowState.CANCELLED):
            await self._cancel(record)
        elif record.state is DispatchState.REQUESTED:
            await self._rescue(record, state)

    async def _settle(self, record: DispatchRecord, state: FlowState | None) -> None:
        if state is not None and not state.is_terminal:
            ended = record.ended_at or self._clock.now()
            if (self._clock.now() - ended).total_seconds() < SETTLE_TIMEOUT_SECONDS:
                return
            await self._orchestrator.set_state(record.flow_run_id or "", get_final_flow_state(record), "The dispatch is over in Headgate.")
        async with self._open_unit_of_work() as work:
            await work.dispatches.mark_settled(record.run_id, record.epoch)
            await work.commit()

    async def _cancel(self, record: DispatchRecord) -> None:
        try:
            await self._cancel_run(record.run_id, PREFECT_ACTOR, "cancelled in Prefect")
        except Conflict:
            return  # over meanwhile; the next pass settles it

    async def _rescue(self, record: DispatchRecord, state: FlowState | None) -> None:
        """A dispatch nobody claimed whose flow run is gone, over or stuck is closed, and the next requested."""
        waited = (self._clock.now() - record.requested_at).total_seconds()
        if state is None:
            why = "its flow run is gone from Prefect"
        elif state.is_terminal:
            why = f"its flow run ended in Prefect as {state}"
        elif state is FlowState.PENDING and waited > UNCLAIMED_TIMEOUT_SECONDS:
            why = "its flow run was taken by nobody"
        elif state is FlowState.RUNNING and self._runs_unclaimed_for(record) > UNCLAIMED_TIMEOUT_SECONDS:
            why = "its flow run began and never claimed it"
        else:
            return
        self._running_unclaimed.pop((record.run_id, record.epoch), None)
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([record.run_id])).get(record.run_id)
            if run is None or not run.close_unclaimed_dispatch(record.epoch, self._clock.now(), why):
                return
            await work.runs.save(run)
            await work.commit()
        self._wakeups.notify_committed([run])

    def _runs_unclaimed_for(self, record: DispatchRecord) -> float:
        """Seconds since this process first saw it so: a flow may begin long after it was requested, and claims a moment later."""
        now = self._clock.now()
        return (now - self._running_unclaimed.setdefault((record.run_id, record.epoch), now)).total_seconds()

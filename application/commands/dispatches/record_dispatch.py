"""Record a dispatch in Prefect for a worker that has no access to Prefect."""

from dataclasses import dataclass

from application.commands.dispatches.claims import DispatchRules
from application.commands.dispatches.flow_runs import build_flow_run_request, get_final_flow_state
from application.ports.dispatch.orchestrator import Orchestrator
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.dispatches import DispatchRecord
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.errors import Conflict
from domain.flow_runs.flow_state import FlowState


@dataclass(frozen=True, slots=True)
class RecordDispatch:
    """Create the flow run of a claimed dispatch in Prefect, or set its final state if the dispatch has ended.

    Return False if Prefect does not accept it now: the caller may try again, and the outbox records the dispatch after its end.
    Raises Conflict `unknown_dispatch`.
    """

    open_unit_of_work: OpenUnitOfWork
    orchestrator: Orchestrator
    rules: DispatchRules
    wakeups: Wakeups

    async def __call__(self, run_id: int, epoch: int) -> bool:
        async with self.open_unit_of_work() as work:
            record = await work.dispatches.find(run_id, epoch)
        if record is None or not record.claimed:
            raise Conflict("unknown_dispatch", f"No worker has claimed dispatch {epoch} of run {run_id}.")
        try:
            await self._update_prefect(record)
        except Exception:  # also a response that cannot be read: the outbox names the reason
            return False
        return True

    async def _update_prefect(self, record: DispatchRecord) -> None:
        state = FlowState.RUNNING if record.ended_at is None else get_final_flow_state(record)
        if record.flow_run_id is None:
            flow_run_id = await self.orchestrator.create_flow_run(build_flow_run_request(record, self.rules, state))
            await self._store(record, flow_run_id)
        elif state.is_terminal:
            await self.orchestrator.set_state(record.flow_run_id, state, "The dispatch has ended in Headgate.")

    async def _store(self, record: DispatchRecord, flow_run_id: str) -> None:
        async with self.open_unit_of_work() as work:
            await work.dispatches.record_flow_run(record.run_id, record.epoch, flow_run_id)
            await work.outbox.mark_delivered(record.run_id, record.epoch)
            await work.commit()
        self.wakeups.notify_committed()

"""Record the flow run of a dispatch."""

from dataclasses import dataclass

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class RecordFlowRun:
    """Store the id of the dispatch's flow run in Prefect, and mark its outbox row as delivered. Raises Conflict `unknown_dispatch`."""

    open_unit_of_work: OpenUnitOfWork
    wakeups: Wakeups

    async def __call__(self, run_id: int, epoch: int, flow_run_id: str) -> None:
        async with self.open_unit_of_work() as work:
            if await work.dispatches.find(run_id, epoch) is None:
                raise Conflict("unknown_dispatch", f"Run {run_id} has no dispatch {epoch}.")
            await work.dispatches.record_flow_run(run_id, epoch, flow_run_id)
            await work.outbox.mark_delivered(run_id, epoch)
            await work.commit()
        self.wakeups.notify_committed()

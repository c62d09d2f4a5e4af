"""What Prefect and its observers tell us of a dispatch's flow run."""

from dataclasses import dataclass

from application.commands.runs.cancel_run import PREFECT_ACTOR, CancelRun
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class RecordFlowRun:
    """The dispatch stands in Prefect as this flow run: remember it, and let its outbox row go."""

    open_unit_of_work: OpenUnitOfWork
    wakeups: Wakeups

    async def __call__(self, run_id: int, epoch: int, flow_run_id: str) -> None:
        async with self.open_unit_of_work() as work:
            await work.dispatches.record_flow_run(run_id, epoch, flow_run_id)
            await work.outbox.mark_delivered(run_id, epoch)
            await work.commit()
        self.wakeups.notify_committed()


@dataclass(frozen=True, slots=True)
class CancelFromPrefect:
    """Somebody cancelled a flow run in Prefect's own page: that is a request to cancel its run.

    Unknown flow runs are not ours; one whose dispatch is over speaks of the past, and its run may well go on in another.
    """

    open_unit_of_work: OpenUnitOfWork
    cancel_run: CancelRun

    async def __call__(self, flow_run_id: str) -> None:
        async with self.open_unit_of_work() as work:
            run_id = await work.dispatches.find_run_id_by_flow_run(flow_run_id)
        if run_id is None:
            return
        try:
            await self.cancel_run(run_id, PREFECT_ACTOR, "cancelled in Prefect")
        except Conflict:
            return  # over already; reconciling settles Prefect's side

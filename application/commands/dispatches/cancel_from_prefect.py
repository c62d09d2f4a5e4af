"""Cancel a run whose flow run was cancelled in Prefect."""

from dataclasses import dataclass

from application.commands.runs.cancel_run import PREFECT_ACTOR, CancelRun
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class CancelFromPrefect:
    """Cancel the run of a flow run that was cancelled in Prefect.

    Flow runs that are unknown, or whose dispatch is closed, are ignored: the run may continue in another dispatch.
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
            return  # The run is over already; the reconciler updates Prefect.

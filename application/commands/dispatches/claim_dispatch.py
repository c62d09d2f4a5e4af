"""Claim a dispatch for a worker."""

from dataclasses import dataclass

from application.commands.dispatches.claims import DispatchRules, build_claim
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.dispatch.wakeups import Wakeups
from application.ports.dispatch.worker_messages import Claim
from application.ports.persistence.leases import Lease
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class ClaimDispatch:
    """Give a requested dispatch to one worker and start its first stages, in one transaction.

    A repeated claim of the worker that holds the dispatch returns the claim again. Raises NotFound for an unknown run; Conflict
    `dispatch_gone` if the dispatch cannot be claimed.
    """

    open_unit_of_work: OpenUnitOfWork
    tokens: ExecutionTokens
    clock: Clock
    wakeups: Wakeups
    rules: DispatchRules

    async def __call__(self, run_id: int, epoch: int, worker: str, capacity: int) -> Claim:
        now = self.clock.now()
        async with self.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None:
                raise NotFound("run", run_id)
            run.claim(epoch, worker, now)
            run.start_ready_stages(capacity, worker, now)
            await work.leases.grant(Lease(run_id, epoch, worker), self.rules.lease_seconds)
            await work.runs.save(run)
            await work.commit()
        self.wakeups.notify_committed([run], skip_worker=worker)
        return build_claim(run, self.tokens, self.rules)

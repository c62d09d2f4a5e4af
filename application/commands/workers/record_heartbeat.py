"""Process the heartbeat of a worker."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.dispatches.claim_dispatch import ClaimDispatch
from application.commands.dispatches.claims import DispatchRules, build_claim
from application.commands.workers.worker_registration import record_worker
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.dispatch.worker_messages import Claim
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.persistence.leases import Lease
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.persistence.workers import WorkerStatus
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class HeldDispatch:
    """A dispatch that the worker holds. `holding` are the (stage, attempt) that it runs."""

    run_id: int
    epoch: int
    holding: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class HeartbeatCommand:
    """A heartbeat. `received` counts the claims received on the open stream; None if the worker has no stream."""

    worker: WorkerStatus
    dispatches: Sequence[HeldDispatch] = ()
    received: int | None = None
    takes_work: bool = True


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """The answer to a heartbeat.

    `renewed` are the (run id, epoch) that the worker still holds, `refused` those that it no longer holds. `stop` and `wake` are runs to
    stop or to advance. `claims` are dispatches that the worker holds without knowing it, and new ones.
    """

    renewed: Sequence[tuple[int, int]]
    refused: Sequence[tuple[int, int]]
    stop: Sequence[int]
    wake: Sequence[int]
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class RecordHeartbeat:
    """Renew the leases of the worker, and return the messages that it may have missed.

    Raises Conflict `worker_id_taken` if its id belongs to another worker.
    """

    open_unit_of_work: OpenUnitOfWork
    tokens: ExecutionTokens
    clock: Clock
    worker_streams: WorkerStreams
    claim_dispatch: ClaimDispatch
    rules: DispatchRules

    async def __call__(self, heartbeat: HeartbeatCommand, actor: Actor = ANONYMOUS_ACTOR) -> HeartbeatResult:
        named = [(dispatch.run_id, dispatch.epoch) for dispatch in heartbeat.dispatches]
        async with self.open_unit_of_work() as work:
            await record_worker(work, heartbeat.worker, actor, self.clock.now())
            renewed = await work.leases.renew(heartbeat.worker.id, named, self.rules.lease_seconds)
            held = await work.leases.find_held_by(heartbeat.worker.id)
            # The answer has claims for the leases that the worker did not name, so these get a full term, too.
            known = set(named)
            unnamed = [(lease.run_id, lease.epoch) for lease in held if (lease.run_id, lease.epoch) not in known]
            if unnamed:
                await work.leases.renew(heartbeat.worker.id, unnamed, self.rules.lease_seconds)
            await work.commit()
        stop, wake, claims = await self._find_missed_messages(heartbeat, held)
        if not self._set_free_slots(heartbeat) and heartbeat.takes_work:
            claims += await self._take_work(heartbeat.worker, heartbeat.worker.free - sum(len(claim.starts) for claim in claims))
        refused = await self._find_lost_dispatches(heartbeat.worker.id, [pair for pair in named if pair not in renewed])
        return HeartbeatResult(sorted(renewed), refused, stop, wake, claims)

    def _set_free_slots(self, heartbeat: HeartbeatCommand) -> bool:
        """Store the free slots for the worker's stream. Return False if this process has no stream of the worker.

        Behind a load balancer, another process may have the stream, and never get to know that a slot is free: the requests of several
        workers may take turns so that each worker's heartbeats always reach the same process.
        """
        worker, received = heartbeat.worker, heartbeat.received
        return received is not None and self.worker_streams.set_free_slots(worker.id, worker.free, received)

    async def _find_lost_dispatches(self, worker: str, unrenewed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return those of the dispatches without renewed lease that the worker no longer holds.

        The leases of the others expired while the store was not available. The lease sweeper decides on them, after it has unnamed every
        lease a full term.
        """
        if not unrenewed:
            return []
        async with self.open_unit_of_work() as work:
            runs = await work.runs.lock(sorted({run_id for run_id, _ in unrenewed}))
        return [(id, epoch) for id, epoch in unrenewed if id not in runs or not runs[id].dispatch.is_held_by(worker, epoch)]

    async def _find_missed_messages(self, heartbeat: HeartbeatCommand, held: Sequence[Lease]) -> tuple[list[int], list[int], list[Claim]]:
        """Return the runs to stop, the runs to advance, and the claims that the worker never received.

        This is a separate transaction, since all transactions lock runs before leases.
        """
        if not held:
            return [], [], []
        named = {(dispatch.run_id, dispatch.epoch) for dispatch in heartbeat.dispatches}
        unknown = [lease for lease in held if (lease.run_id, lease.epoch) not in named]
        async with self.open_unit_of_work() as work:
            runs = await work.runs.lock(sorted(lease.run_id for lease in held))
        stop = [run.id for run in runs.values() if run.stop_requested_at is not None]
        holding = {dispatch.run_id: dispatch.holding for dispatch in heartbeat.dispatches}
        overrun = {run.id for run in runs.values() if run.has_timed_out_attempt and run.find_finished_attempts(holding.get(run.id, ()))}
        wake = [run.id for run in runs.values() if run.startable_stages or run.attempts_to_stop or run.id in overrun]
        claims = [
            build_claim(run, self.tokens, self.rules)
            for lease in unknown
            if (run := runs.get(lease.run_id)) is not None and run.dispatch.is_held_by(heartbeat.worker.id, lease.epoch)
        ]
        return stop, wake, claims

    async def _take_work(self, worker: WorkerStatus, free: int) -> list[Claim]:
        """Claim requested dispatches for a worker without a stream to this process, up to the number of free slots."""
        if free < 1:
            return []
        async with self.open_unit_of_work() as work:
            requested = await work.dispatches.find_requested(worker.pool, free)
        claims: list[Claim] = []
        for run_id, epoch in requested:
            if free < 1:
                break
            try:
                claim = await self.claim_dispatch(run_id, epoch, worker.id, free)
            except (Conflict, NotFound):
                continue  # Another worker has claimed it.
            claims.append(claim)
            free -= len(claim.starts)
        return claims

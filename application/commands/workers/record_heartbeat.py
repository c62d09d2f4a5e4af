"""A worker says that it lives; it hears what it may keep, must stop, should ask about and gets to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.dispatches.claim_dispatch import ClaimDispatch
from application.commands.dispatches.claims import DispatchRules, build_claim
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.dispatch.worker_messages import Claim
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.persistence.leases import Lease
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.persistence.workers import WorkerStatus
from application.ports.system.clock import Clock
from domain.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class HeldDispatch:
    """A dispatch as the worker knows it: what it holds of it, (stage, attempt) each."""

    run_id: int
    epoch: int
    holding: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class HeartbeatCommand:
    """`received` claims came by the open stream; None when the worker has no stream and asks for work this way."""

    worker: WorkerStatus
    dispatches: Sequence[HeldDispatch] = ()
    received: int | None = None
    takes_work: bool = True


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """`refused`: (run id, epoch) no longer this worker's; `claims`: dispatches that are its own though it did not name them, and new ones."""

    renewed: Sequence[tuple[int, int]]
    refused: Sequence[tuple[int, int]]
    stop: Sequence[int]
    wake: Sequence[int]
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class RecordHeartbeat:
    """Renew the leases of the dispatches the worker holds, and tell it what it may have missed."""

    open_unit_of_work: OpenUnitOfWork
    tokens: ExecutionTokens
    clock: Clock
    links: WorkerStreams
    claim_dispatch: ClaimDispatch
    rules: DispatchRules

    async def __call__(self, beat: HeartbeatCommand) -> HeartbeatResult:
        named = [(dispatch.run_id, dispatch.epoch) for dispatch in beat.dispatches]
        async with self.open_unit_of_work() as work:
            await work.workers.record_seen(beat.worker, self.clock.now())
            renewed = await work.leases.renew(beat.worker.id, named, self.rules.lease_seconds)
            held = await work.leases.find_held_by(beat.worker.id)
            # Those it did not name are handed to it with this answer, so it has a full term to speak of them.
            given = [(lease.run_id, lease.epoch) for lease in held if (lease.run_id, lease.epoch) not in named]
            if given:
                await work.leases.renew(beat.worker.id, given, self.rules.lease_seconds)
            await work.commit()
        stop, wake, claims = await self._missed(beat, held)
        if beat.received is not None:
            self.links.set_free_slots(beat.worker.id, beat.worker.free, beat.received)
        elif beat.takes_work:
            claims += await self._take_work(beat.worker)
        refused = await self._gone(beat.worker.id, [pair for pair in named if pair not in renewed])
        return HeartbeatResult(sorted(renewed), refused, stop, wake, claims)

    async def _gone(self, worker: str, unrenewed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Of the dispatches whose lease could not be renewed, those that are not this worker's any more.

        The others' leases ran out while nobody could renew them, as in an outage of the store: it is the sweep that judges them, and it
        gives every lease a full term first.
        """
        if not unrenewed:
            return []
        async with self.open_unit_of_work() as work:
            runs = await work.runs.lock(sorted({run_id for run_id, _ in unrenewed}))
        return [(id, epoch) for id, epoch in unrenewed if id not in runs or not runs[id].dispatch.is_held_by(worker, epoch)]

    async def _missed(self, beat: HeartbeatCommand, held: Sequence[Lease]) -> tuple[list[int], list[int], list[Claim]]:
        """Runs to stop, runs with something startable or that overran, and dispatches claimed for this worker whose claim it never got.

        In a transaction of its own: runs are locked before leases everywhere, so not after the leases were renewed.
        """
        if not held:
            return [], [], []
        named = {(dispatch.run_id, dispatch.epoch) for dispatch in beat.dispatches}
        unknown = [lease for lease in held if (lease.run_id, lease.epoch) not in named]
        async with self.open_unit_of_work() as work:
            runs = await work.runs.lock(sorted(lease.run_id for lease in held))
        stop = [run.id for run in runs.values() if run.stop_requested_at is not None]
        holding = {dispatch.run_id: dispatch.holding for dispatch in beat.dispatches}
        overrun = {run.id for run in runs.values() if run.has_timed_out_attempt and run.find_finished_attempts(holding.get(run.id, ()))}
        wake = [run.id for run in runs.values() if run.startable_stages or run.attempts_to_stop or run.id in overrun]
        claims = [
            build_claim(run, self.tokens, self.rules, frozenset())
            for lease in unknown
            if (run := runs.get(lease.run_id)) is not None and run.dispatch.is_held_by(beat.worker.id, lease.epoch)
        ]
        return stop, wake, claims

    async def _take_work(self, worker: WorkerStatus) -> list[Claim]:
        """Claim requested dispatches for a worker without a stream, as far as its free slots go."""
        if worker.free < 1:
            return []
        async with self.open_unit_of_work() as work:
            requested = await work.dispatches.find_requested(worker.pool, worker.free)
        claims: list[Claim] = []
        free = worker.free
        for run_id, epoch in requested:
            if free < 1:
                break
            try:
                claim = await self.claim_dispatch(run_id, epoch, worker.id, free)
            except (Conflict, NotFound):
                continue  # another worker was quicker
            claims.append(claim)
            free -= len(claim.starts)
        return claims

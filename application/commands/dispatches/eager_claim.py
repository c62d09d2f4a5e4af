"""Claim the dispatch of a new run in the transaction that stores the run, so that its first stages start without another round trip."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from application.commands.dispatches.claims import DispatchRules, build_claim
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.dispatch.worker_streams import Reservation, WorkerStreams
from application.ports.persistence.leases import Lease
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.runs.dispatch import DispatchState
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class EagerClaimer:
    """Claims dispatches of `warm_pools` while a worker connected to this process has a free slot and no other dispatch waits for one.

    Other dispatches stay requested, and are offered to workers after the commit.
    """

    worker_streams: WorkerStreams
    tokens: ExecutionTokens
    rules: Callable[[], DispatchRules]
    warm_pools: Collection[str]
    has_waiting_dispatch: Callable[[str], bool]

    def begin(self) -> "EagerClaims":
        return EagerClaims(self)


@dataclass(slots=True)
class EagerClaims:
    """The eager claims of one transaction. Callers send them after the commit, and always release the unsent ones at the end."""

    _claimer: EagerClaimer
    _claims: list[tuple[Run, Reservation]] = field(default_factory=list)

    def reserve(self, run: Run, now: datetime) -> None:
        """Claim the dispatch of a run that is not stored yet, if a worker has a free slot."""
        claimer = self._claimer
        if (
            run.dispatch.state is not DispatchState.REQUESTED
            or run.pool not in claimer.warm_pools
            or claimer.has_waiting_dispatch(run.pool)
        ):
            return
        wanted = min(len(run.startable_stages), run.definition.parallelism)
        reservation = claimer.worker_streams.reserve(run.pool, wanted)
        if reservation is not None:
            self._claims.append((run, reservation))
            run.claim(run.dispatch.epoch, reservation.worker_id, now)
            run.start_ready_stages(reservation.slots, reservation.worker_id, now)

    async def grant_lease(self, work: UnitOfWork, run: Run) -> None:
        """Store the lease of a claimed dispatch. The run must be stored, so that it has an id."""
        if run.dispatch.holder is not None:
            await work.leases.grant(Lease(run.id, run.dispatch.epoch, run.dispatch.holder), self._claimer.rules().lease_seconds)

    def send_claims(self) -> None:
        """Send the committed claims to their workers."""
        for run, reservation in self._claims:
            self._claimer.worker_streams.finish_reservation(reservation, build_claim(run, self._claimer.tokens, self._claimer.rules()))
        self._claims.clear()

    def release_unsent(self) -> None:
        """Release the reservations whose claim was not sent.

        If the commit succeeded after all, e.g. because only its answer was lost, the worker gets the claim with its next heartbeat.
        """
        for _, reservation in self._claims:
            self._claimer.worker_streams.finish_reservation(reservation, None)
        self._claims.clear()

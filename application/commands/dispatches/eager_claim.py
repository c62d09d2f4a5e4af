"""Give a new run's dispatch to a worker in the transaction that requests it: what starts at once need not be asked for."""

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
    """For dispatches of `warm_pools`, while a worker linked to this process has a free slot and nobody waits for one, as `is_waited_for` says.

    A dispatch that is not given so is requested as ever, to be offered after the commit.
    """

    links: WorkerStreams
    tokens: ExecutionTokens
    rules: Callable[[], DispatchRules]
    warm_pools: Collection[str]
    has_waiting_dispatch: Callable[[str], bool]

    def given(self) -> "EagerClaims":
        return EagerClaims(self)


@dataclass(slots=True)
class EagerClaims:
    """The dispatches given in one transaction. Nothing is told before its commit; `take_back` if there is none."""

    _how: EagerClaimer
    _claims: list[tuple[Run, Reservation]] = field(default_factory=list)

    def reserve(self, run: Run, now: datetime) -> None:
        """Move the run on as its claim by a worker would, if there is one for it. Before it is stored."""
        how = self._how
        if run.dispatch.state is not DispatchState.REQUESTED or run.pool not in how.warm_pools or how.has_waiting_dispatch(run.pool):
            return
        wanted = min(len(run.startable_stages), run.definition.parallelism)
        reservation = how.links.reserve(run.pool, wanted)
        if reservation is not None:
            self._claims.append((run, reservation))
            run.claim(run.dispatch.epoch, reservation.worker_id, now)
            run.start_ready_stages(reservation.slots, reservation.worker_id, now)

    async def grant(self, work: UnitOfWork, run: Run) -> None:
        """The lease that goes with it. Once the run is stored, which gives it its id."""
        if run.dispatch.holder is not None:
            await work.leases.grant(Lease(run.id, run.dispatch.epoch, run.dispatch.holder), self._how.rules().lease_seconds)

    def send_claims(self) -> None:
        """Push the claims: they are committed."""
        for run, reservation in self._claims:
            self._how.links.finish_reservation(reservation, build_claim(run, self._how.tokens, self._how.rules(), frozenset()))
        self._claims.clear()

    def release_unsent(self) -> None:
        """Give back what was not told of. A commit of which nobody knows may stand: then a heartbeat hands the dispatch over."""
        for _, reservation in self._claims:
            self._how.links.finish_reservation(reservation, None)
        self._claims.clear()

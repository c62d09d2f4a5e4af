"""The fake database with faults: unavailable, slow, with cut connections or lost answers to COMMIT."""

import asyncio
from collections.abc import Callable
from random import Random

from domain.errors import Unavailable
from tests.fakes.persistence import FakeStore
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.unit_of_work import FakeUnitOfWork
from tests.simulation.backfills.backfill_watch import BackfillWatch
from tests.simulation.limits.limit_watch import LimitWatch
from tests.simulation.runtime.process import CURRENT, Process
from tests.simulation.schedules.store_clock import StoreClock
from tests.simulation.schedules.tick_watch import Moment, TickWatch


class SimulatedStore(FakeStore):
    """The chances per statement of a cut connection and of a slow answer, and per COMMIT of a lost answer.

    `on_fault` is called for each fault that happens.
    """

    def __init__(self, clock: StoreClock, random: Random, on_fault: Callable[[str], None]) -> None:
        super().__init__(clock, lock_timeout=5.0)
        self.store_clock = clock
        self.tick_watch = TickWatch()
        self.limit_watch = LimitWatch()
        self.backfill_watch = BackfillWatch()
        self.random = random
        self.cut_connections = self.slow_statements = self.lost_answers = 0.0
        self.on_fault = on_fault
        self.open_transactions: dict[Transaction, Process | None] = {}
        self._moves = asyncio.Event()
        self._moves.set()

    def stand_still(self) -> None:
        """Answer no statement until `resume`, as after SIGSTOP."""
        self._moves.clear()

    def resume(self) -> None:
        self._moves.set()

    def end_transactions(self, owner: Process) -> None:
        """Roll back what a process has begun that ended without any cleanup."""
        for transaction in [each for each, process in self.open_transactions.items() if process is owner]:
            transaction.end()

    @property
    def is_available(self) -> bool:
        return self._moves.is_set() and not self.is_down

    async def wait_until_it_moves(self) -> None:
        await self._moves.wait()

    def open_unit_of_work(self) -> "SimulatedUnitOfWork":
        return SimulatedUnitOfWork(self)


class SimulatedTransaction(Transaction):
    store: SimulatedStore

    def __init__(self, store: SimulatedStore) -> None:
        super().__init__(store)
        self._began_at, self._jumps = store.store_clock.now(), store.store_clock.jumps
        self._began_after = store.limit_watch.commits
        store.open_transactions[self] = CURRENT.get()

    def end(self) -> None:
        self.store.open_transactions.pop(self, None)
        super().end()

    def commit(self) -> None:
        clock = self.store.store_clock
        self.store.tick_watch.observe(self, Moment(self._began_at, clock.now(), self._jumps == clock.jumps))
        self.store.limit_watch.observe(self, self._began_after)
        self.store.backfill_watch.observe(self, self._began_after)
        super().commit()

    async def begin_statement(self) -> Transaction:
        store = self.store
        await store.wait_until_it_moves()
        if store.slow_statements and store.random.random() < store.slow_statements:
            await asyncio.sleep(store.random.choice((0.05, 0.5, 3.0)))
        if store.cut_connections and store.random.random() < store.cut_connections:
            store.on_fault("connection cut")
            raise self.abort(Unavailable("The connection to the database was cut."))
        return await super().begin_statement()


class SimulatedUnitOfWork(FakeUnitOfWork):
    _store: SimulatedStore

    def _begin(self) -> Transaction:
        return SimulatedTransaction(self._store)

    async def commit(self) -> None:
        store = self._store
        await store.wait_until_it_moves()
        lost_answers = store.lost_answers and store.random.random() < store.lost_answers
        if lost_answers and store.random.random() < 0.5:
            store.on_fault("commit not answered")
            raise self.transaction.abort(Unavailable("The connection was cut before the commit."))
        await super().commit()
        if lost_answers:
            store.on_fault("commit not answered")
            raise Unavailable("The commit was made, its answer was lost.")

"""The fake database as it is on a bad day: away, slow, its connections cut, its answers to COMMIT lost."""

import asyncio
from collections.abc import Callable
from random import Random

from application.ports.system.clock import Clock
from domain.errors import Unavailable
from tests.fakes.persistence import FakeStore
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.unit_of_work import FakeUnitOfWork


class SimulatedStore(FakeStore):
    """`cut` is the chance that a statement finds its connection cut, `slow` that it takes long, `unsure` that a COMMIT is not answered.

    `on_fault` hears of each that happened.
    """

    def __init__(self, clock: Clock, random: Random, on_fault: Callable[[str], None]) -> None:
        super().__init__(clock, lock_timeout=5.0)
        self.random = random
        self.cut = self.slow = self.unsure = 0.0
        self.on_fault = on_fault

    def open_unit_of_work(self) -> "SimulatedUnitOfWork":
        return SimulatedUnitOfWork(self)


class SimulatedTransaction(Transaction):
    store: SimulatedStore

    async def begin_statement(self) -> Transaction:
        store = self.store
        if store.slow and store.random.random() < store.slow:
            await asyncio.sleep(store.random.choice((0.05, 0.5, 3.0)))
        if store.cut and store.random.random() < store.cut:
            store.on_fault("connection cut")
            raise self.abort(Unavailable("The connection to the database was cut."))
        return await super().begin_statement()


class SimulatedUnitOfWork(FakeUnitOfWork):
    _store: SimulatedStore

    def _begin(self) -> Transaction:
        return SimulatedTransaction(self._store)

    async def commit(self) -> None:
        store = self._store
        unsure = store.unsure and store.random.random() < store.unsure
        if unsure and store.random.random() < 0.5:
            store.on_fault("commit not answered")
            raise self._transaction.abort(Unavailable("The connection was cut before the commit."))
        await super().commit()
        if unsure:
            store.on_fault("commit not answered")
            raise Unavailable("The commit was made, its answer was lost.")

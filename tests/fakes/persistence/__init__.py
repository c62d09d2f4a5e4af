"""The store in memory. It rejects what PostgreSQL rejects, and its row locks block."""

from tests.fakes.persistence.store import FakeStore
from tests.fakes.persistence.transaction import RowNotLocked
from tests.fakes.persistence.unit_of_work import FakeUnitOfWork
from tests.fakes.persistence.values import RowRejected

__all__ = ["FakeStore", "FakeUnitOfWork", "RowNotLocked", "RowRejected"]

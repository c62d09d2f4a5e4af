"""What the use cases ask of the store. Everything read or written inside one `async with` is one transaction."""

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from application.ports.access.accounts import Accounts
from application.ports.access.api_tokens import ApiTokens
from application.ports.access.audit_log import AuditLog
from application.ports.access.sessions import Sessions
from application.ports.persistence.dispatches import Dispatches
from application.ports.persistence.idempotency import Idempotency
from application.ports.persistence.leases import Leases
from application.ports.persistence.logs import Logs
from application.ports.persistence.outbox import Outbox
from application.ports.persistence.pipelines import PipelineRef, Pipelines, StoredPipeline
from application.ports.persistence.receipts import Receipt, ReceiptKey, Receipts
from application.ports.persistence.runs import Runs
from application.ports.persistence.sink_positions import SinkPositions
from application.ports.persistence.workers import Workers
from domain.runs.run import Run


class LoadedForUpdate(NamedTuple):
    """What a report is judged by."""

    runs: dict[int, Run]
    receipts: dict[ReceiptKey, Receipt]
    pipelines: dict[PipelineRef, StoredPipeline]


class UnitOfWork(Protocol):
    """One transaction. Leaving without commit() discards everything. Unavailable when the store does not answer.

    A write of a run, receipt, lease, dispatch, outbox row or audit entry may be sent with what is read next, or with the commit, and fail
    there.
    """

    pipelines: Pipelines
    runs: Runs
    receipts: Receipts
    idempotency: Idempotency
    leases: Leases
    logs: Logs
    outbox: Outbox
    dispatches: Dispatches
    workers: Workers
    announcements: SinkPositions
    accounts: Accounts
    sessions: Sessions
    api_tokens: ApiTokens
    audit: AuditLog

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    async def load_for_update(
        self, run_ids: Sequence[int], keys: Sequence[ReceiptKey] = (), refs: Collection[PipelineRef] = ()
    ) -> LoadedForUpdate:
        """The runs as `runs.lock` gives them, and the stored answers of those keys and those pipelines as they are behind the locks, for
        the price of one.

        A run that was saved is the next caller's once the commit has returned: what is still needed of it is read before anything else
        is waited for.
        """
        ...

    async def commit(self) -> None:
        """Make it durable; when this returns, the caller may be answered."""
        ...


class OpenUnitOfWork(Protocol):
    def __call__(self) -> UnitOfWork: ...

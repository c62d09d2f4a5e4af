"""One transaction over PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.accounts import SqlAccounts, SqlSessions
from adapters.persistence.repositories.api_tokens import SqlApiTokens, SqlAuditLog
from adapters.persistence.repositories.definitions import DefinitionCache, DefinitionLoader
from adapters.persistence.repositories.dispatches import SqlDispatches
from adapters.persistence.repositories.idempotency import SqlIdempotency
from adapters.persistence.repositories.leases import SqlLeases
from adapters.persistence.repositories.logs import SqlLogs
from adapters.persistence.repositories.outbox import SqlOutbox
from adapters.persistence.repositories.pipelines import SqlPipelines
from adapters.persistence.repositories.pipelines import asked_for as pipelines_of
from adapters.persistence.repositories.receipts import SqlReceipts, found
from adapters.persistence.repositories.receipts import asked_for as receipts_of
from adapters.persistence.repositories.runs.run_cache import RunCache
from adapters.persistence.repositories.runs.run_repository import SqlRuns
from adapters.persistence.repositories.sink_positions import SqlSinkPositions
from adapters.persistence.repositories.workers import SqlWorkers
from application.ports.access.accounts import Accounts
from application.ports.access.api_tokens import ApiTokens
from application.ports.access.audit_log import AuditLog
from application.ports.access.sessions import Sessions
from application.ports.persistence.dispatches import Dispatches
from application.ports.persistence.idempotency import Idempotency
from application.ports.persistence.leases import Leases
from application.ports.persistence.logs import Logs
from application.ports.persistence.outbox import Outbox
from application.ports.persistence.pipelines import PipelineRef, Pipelines
from application.ports.persistence.receipts import ReceiptKey, Receipts
from application.ports.persistence.runs import Runs
from application.ports.persistence.sink_positions import SinkPositions
from application.ports.persistence.unit_of_work import LoadedForUpdate
from application.ports.persistence.workers import Workers


class SqlUnitOfWork:
    """READ COMMITTED with row locks. Leaving without commit() discards everything; nothing can be said after a commit."""

    def __init__(self, connections: ConnectionPool, cache: DefinitionCache, kept: RunCache) -> None:
        self._transaction = transaction = SqlTransaction(connections)
        definitions = DefinitionLoader(transaction, cache)
        self._pipelines = SqlPipelines(transaction, definitions)
        self.pipelines: Pipelines = self._pipelines
        self._runs = SqlRuns(transaction, definitions, kept)
        self.runs: Runs = self._runs
        self.receipts: Receipts = SqlReceipts(transaction)
        self.idempotency: Idempotency = SqlIdempotency(transaction)
        self.leases: Leases = SqlLeases(transaction)
        self.logs: Logs = SqlLogs(transaction)
        self.outbox: Outbox = SqlOutbox(transaction)
        self.dispatches: Dispatches = SqlDispatches(transaction)
        self.workers: Workers = SqlWorkers(transaction)
        self.sink_positions: SinkPositions = SqlSinkPositions(transaction)
        self.accounts: Accounts = SqlAccounts(transaction)
        self.sessions: Sessions = SqlSessions(transaction)
        self.api_tokens: ApiTokens = SqlApiTokens(transaction)
        self.audit: AuditLog = SqlAuditLog(transaction)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._transaction.close()

    async def load_for_update(
        self, run_ids: Sequence[int], keys: Sequence[ReceiptKey] = (), refs: Collection[PipelineRef] = ()
    ) -> LoadedForUpdate:
        asked = [*([receipts_of(keys)] if keys else ()), *([pipelines_of(refs)] if refs else ())]
        runs, answers = await self._runs.load_for_update(run_ids, *asked)
        receipts = found(answers[0]) if keys else {}
        return LoadedForUpdate(runs, receipts, await self._pipelines.found(answers[-1], refs) if refs else {})

    async def commit(self) -> None:
        await self._transaction.commit()
        self._runs.keep()

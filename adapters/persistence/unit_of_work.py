"""One transaction over PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from adapters.persistence.accounts import SqlAccounts, SqlSessions
from adapters.persistence.announcements import SqlAnnouncementPositions
from adapters.persistence.api_tokens import SqlApiTokens, SqlAuditLog
from adapters.persistence.bursts import SqlBursts
from adapters.persistence.connections import Connections
from adapters.persistence.definitions import DefinitionCache, Definitions
from adapters.persistence.idempotency import SqlIdempotency
from adapters.persistence.kept_runs import KeptRuns
from adapters.persistence.leases import SqlLeases
from adapters.persistence.logs import SqlLogs
from adapters.persistence.outbox import SqlOutbox
from adapters.persistence.pipelines import SqlPipelines
from adapters.persistence.pipelines import asked_for as pipelines_of
from adapters.persistence.receipts import SqlReceipts, found
from adapters.persistence.receipts import asked_for as receipts_of
from adapters.persistence.runs import SqlRuns
from adapters.persistence.statements import Statements
from adapters.persistence.workers import SqlWorkers
from application.ports.access import Accounts, ApiTokens, AuditLog, Sessions
from application.ports.persistence import (
    Bursts,
    Idempotency,
    Leases,
    Logs,
    Outbox,
    PipelineRef,
    Pipelines,
    ReceiptKey,
    Receipts,
    Runs,
    TakenUp,
    Workers,
)
from application.ports.run_announcements import AnnouncementPositions


class SqlUnitOfWork:
    """READ COMMITTED with row locks. Leaving without commit() discards everything; nothing can be said after a commit."""

    def __init__(self, connections: Connections, cache: DefinitionCache, kept: KeptRuns) -> None:
        self._statements = statements = Statements(connections)
        definitions = Definitions(statements, cache)
        self._pipelines = SqlPipelines(statements, definitions)
        self.pipelines: Pipelines = self._pipelines
        self._runs = SqlRuns(statements, definitions, kept)
        self.runs: Runs = self._runs
        self.receipts: Receipts = SqlReceipts(statements)
        self.idempotency: Idempotency = SqlIdempotency(statements)
        self.leases: Leases = SqlLeases(statements)
        self.logs: Logs = SqlLogs(statements)
        self.outbox: Outbox = SqlOutbox(statements)
        self.bursts: Bursts = SqlBursts(statements)
        self.workers: Workers = SqlWorkers(statements)
        self.announcements: AnnouncementPositions = SqlAnnouncementPositions(statements)
        self.accounts: Accounts = SqlAccounts(statements)
        self.sessions: Sessions = SqlSessions(statements)
        self.api_tokens: ApiTokens = SqlApiTokens(statements)
        self.audit: AuditLog = SqlAuditLog(statements)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._statements.end()

    async def take_up(self, run_ids: Sequence[int], keys: Sequence[ReceiptKey] = (), refs: Collection[PipelineRef] = ()) -> TakenUp:
        asked = [*([receipts_of(keys)] if keys else ()), *([pipelines_of(refs)] if refs else ())]
        runs, answers = await self._runs.take_up(run_ids, *asked)
        receipts = found(answers[0]) if keys else {}
        return TakenUp(runs, receipts, await self._pipelines.found(answers[-1], refs) if refs else {})

    async def commit(self) -> None:
        await self._statements.commit()
        self._runs.keep()

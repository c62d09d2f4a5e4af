"""One transaction over PostgreSQL."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.persistence.accounts import SqlAccounts, SqlSessions
from adapters.persistence.announcements import SqlAnnouncementPositions
from adapters.persistence.api_tokens import SqlApiTokens, SqlAuditLog
from adapters.persistence.bursts import SqlBursts
from adapters.persistence.definitions import DefinitionCache, Definitions
from adapters.persistence.idempotency import SqlIdempotency
from adapters.persistence.leases import SqlLeases
from adapters.persistence.logs import SqlLogs
from adapters.persistence.outbox import SqlOutbox
from adapters.persistence.pipelines import SqlPipelines
from adapters.persistence.receipts import SqlReceipts
from adapters.persistence.runs import SqlRuns
from adapters.persistence.statements import Statements
from adapters.persistence.workers import SqlWorkers
from application.ports.access import Accounts, ApiTokens, AuditLog, Sessions
from application.ports.persistence import Bursts, Idempotency, Leases, Logs, Outbox, Pipelines, Receipts, Runs, Workers
from application.ports.run_announcements import AnnouncementPositions


class SqlUnitOfWork:
    """READ COMMITTED with row locks. Leaving without commit() discards everything; nothing can be said after a commit."""

    def __init__(self, engine: AsyncEngine, cache: DefinitionCache) -> None:
        self._statements = statements = Statements(engine)
        definitions = Definitions(statements, cache)
        self.pipelines: Pipelines = SqlPipelines(statements, definitions)
        self.runs: Runs = SqlRuns(statements, definitions)
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

    async def commit(self) -> None:
        await self._statements.commit()

"""The unit of work on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.accounts import SqlAccounts
from adapters.persistence.repositories.alert_rules import SqlAlertRules
from adapters.persistence.repositories.api_tokens import SqlApiTokens
from adapters.persistence.repositories.audit_log import SqlAuditLog
from adapters.persistence.repositories.backfills import SqlBackfills
from adapters.persistence.repositories.channels import SqlChannels
from adapters.persistence.repositories.concurrency import SqlConcurrency, bind_lock, build_states
from adapters.persistence.repositories.definitions import DefinitionCache, DefinitionLoader
from adapters.persistence.repositories.deliveries import SqlDeliveries
from adapters.persistence.repositories.dispatches import SqlDispatches
from adapters.persistence.repositories.flow_runs import SqlFlowRuns
from adapters.persistence.repositories.idempotency import SqlIdempotency
from adapters.persistence.repositories.incidents import SqlIncidents
from adapters.persistence.repositories.leases import SqlLeases
from adapters.persistence.repositories.logs import SqlLogs
from adapters.persistence.repositories.outbox import SqlOutbox
from adapters.persistence.repositories.pipelines import SqlPipelines
from adapters.persistence.repositories.receipts import SqlReceipts
from adapters.persistence.repositories.reporters import SqlReporters
from adapters.persistence.repositories.runs.run_cache import RunCache
from adapters.persistence.repositories.runs.run_repository import SqlRuns
from adapters.persistence.repositories.schedules import SqlSchedules
from adapters.persistence.repositories.sessions import SqlSessions
from adapters.persistence.repositories.silences import SqlSilences
from adapters.persistence.repositories.sink_positions import SqlSinkPositions
from adapters.persistence.repositories.site_events import SqlSiteEvents
from adapters.persistence.repositories.ticks import SqlTicks
from adapters.persistence.repositories.workers import SqlWorkers
from application.ports.access.accounts import Accounts
from application.ports.access.api_tokens import ApiTokens
from application.ports.access.audit_log import AuditLog
from application.ports.access.sessions import Sessions
from application.ports.persistence.alert_rules import AlertRules
from application.ports.persistence.backfills import Backfills
from application.ports.persistence.channels import Channels
from application.ports.persistence.concurrency import Concurrency
from application.ports.persistence.deliveries import Deliveries
from application.ports.persistence.dispatches import Dispatches
from application.ports.persistence.flow_runs import FlowRuns
from application.ports.persistence.idempotency import Idempotency
from application.ports.persistence.incidents import Incidents
from application.ports.persistence.leases import Leases
from application.ports.persistence.logs import Logs
from application.ports.persistence.outbox import Outbox
from application.ports.persistence.pipelines import PipelineRef, Pipelines
from application.ports.persistence.receipts import ReceiptKey, Receipts
from application.ports.persistence.reporters import Reporters
from application.ports.persistence.runs import Runs
from application.ports.persistence.schedules import Schedules
from application.ports.persistence.silences import Silences
from application.ports.persistence.sink_positions import SinkPositions
from application.ports.persistence.site_events import SiteEvents
from application.ports.persistence.ticks import Ticks
from application.ports.persistence.unit_of_work import LoadedForUpdate, PreparedRuns
from application.ports.persistence.workers import Workers
from domain.concurrency.bucket import Bucket


class SqlUnitOfWork:
    """One transaction: READ COMMITTED, with row locks. Leaving without `commit` rolls back. After a commit it is closed."""

    def __init__(self, connections: ConnectionPool, definition_cache: DefinitionCache, run_cache: RunCache) -> None:
        self._transaction = transaction = SqlTransaction(connections)
        definitions = DefinitionLoader(transaction, definition_cache)
        self._pipelines = SqlPipelines(transaction, definitions)
        self.pipelines: Pipelines = self._pipelines
        self.schedules: Schedules = SqlSchedules(transaction, definitions)
        self.ticks: Ticks = SqlTicks(transaction)
        self.backfills: Backfills = SqlBackfills(transaction, definitions)
        self._runs = SqlRuns(transaction, definitions, run_cache)
        self.runs: Runs = self._runs
        self._receipts = SqlReceipts(transaction)
        self.receipts: Receipts = self._receipts
        self.reporters: Reporters = SqlReporters(transaction)
        self.idempotency: Idempotency = SqlIdempotency(transaction)
        self.concurrency: Concurrency = SqlConcurrency(transaction)
        self.leases: Leases = SqlLeases(transaction)
        self.logs: Logs = SqlLogs(transaction)
        self.outbox: Outbox = SqlOutbox(transaction)
        self.dispatches: Dispatches = SqlDispatches(transaction)
        self.flow_runs: FlowRuns = SqlFlowRuns(transaction)
        self.workers: Workers = SqlWorkers(transaction)
        self.sink_positions: SinkPositions = SqlSinkPositions(transaction)
        self.site_events: SiteEvents = SqlSiteEvents(transaction)
        self.incidents: Incidents = SqlIncidents(transaction)
        self.deliveries: Deliveries = SqlDeliveries(transaction)
        self.channels: Channels = SqlChannels(transaction)
        self.alert_rules: AlertRules = SqlAlertRules(transaction)
        self.silences: Silences = SqlSilences(transaction)
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
        queries = []
        if keys:
            queries.append(self._receipts.bind_find(keys))
        if refs:
            queries.append(self._pipelines.bind_find_many(refs))
        runs, results = await self._runs.load_for_update(run_ids, *queries)
        receipts = self._receipts.build_receipts(results[0]) if keys else {}
        pipelines = await self._pipelines.build_pipelines(results[-1], refs) if refs else {}
        return LoadedForUpdate(runs, receipts, pipelines)

    async def prepare_runs(self, pipeline_ids: Collection[int], buckets: Collection[Bucket]) -> PreparedRuns:
        locks = bind_lock(buckets) if buckets else ()
        results = await self._transaction.fetch_batch(self._runs.bind_next_numbers(pipeline_ids), *locks)
        return PreparedRuns(self._runs.build_numbers(results[0]), build_states(results[-1]) if buckets else {})

    async def commit(self) -> None:
        await self._transaction.commit()
        self._runs.cache_saved()

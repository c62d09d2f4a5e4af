"""The unit of work in memory."""

from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

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
from tests.fakes.access.accounts import FakeAccounts
from tests.fakes.access.api_tokens import FakeApiTokens
from tests.fakes.access.audit_log import FakeAuditLog
from tests.fakes.access.sessions import FakeSessions
from tests.fakes.persistence.alert_rules import FakeAlertRules
from tests.fakes.persistence.backfills import FakeBackfills
from tests.fakes.persistence.channels import FakeChannels
from tests.fakes.persistence.concurrency import FakeConcurrency
from tests.fakes.persistence.deliveries import FakeDeliveries
from tests.fakes.persistence.dispatches import FakeDispatches
from tests.fakes.persistence.flow_runs import FakeFlowRuns
from tests.fakes.persistence.idempotency import FakeIdempotency
from tests.fakes.persistence.incidents import FakeIncidents
from tests.fakes.persistence.leases import FakeLeases
from tests.fakes.persistence.logs import FakeLogs
from tests.fakes.persistence.outbox import FakeOutbox
from tests.fakes.persistence.pipelines import FakePipelines
from tests.fakes.persistence.receipts import FakeReceipts
from tests.fakes.persistence.reporters import FakeReporters
from tests.fakes.persistence.runs import FakeRuns
from tests.fakes.persistence.schedules import FakeSchedules
from tests.fakes.persistence.silences import FakeSilences
from tests.fakes.persistence.sink_positions import FakeSinkPositions
from tests.fakes.persistence.site_events import FakeSiteEvents
from tests.fakes.persistence.store import FakeStore
from tests.fakes.persistence.ticks import FakeTicks
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.workers import FakeWorkers

P = TypeVar("P")


class LazyPart(Generic[P]):
    """An attribute of a unit of work: a part of its transaction, created when it is first read."""

    def __init__(self, create: Callable[[Transaction], P]) -> None:
        self._create = create

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, work: "FakeUnitOfWork", owner: type) -> P:
        part = self._create(work.transaction)
        vars(work)[self._name] = part
        return part


class FakeUnitOfWork:
    """One transaction. Leaving without `commit` discards its changes."""

    pipelines = LazyPart[Pipelines](FakePipelines)
    schedules = LazyPart[Schedules](FakeSchedules)
    ticks = LazyPart[Ticks](FakeTicks)
    backfills = LazyPart[Backfills](FakeBackfills)
    runs = LazyPart[Runs](FakeRuns)
    receipts = LazyPart[Receipts](FakeReceipts)
    reporters = LazyPart[Reporters](FakeReporters)
    idempotency = LazyPart[Idempotency](FakeIdempotency)
    concurrency = LazyPart[Concurrency](FakeConcurrency)
    leases = LazyPart[Leases](FakeLeases)
    logs = LazyPart[Logs](FakeLogs)
    outbox = LazyPart[Outbox](FakeOutbox)
    dispatches = LazyPart[Dispatches](FakeDispatches)
    flow_runs = LazyPart[FlowRuns](FakeFlowRuns)
    workers = LazyPart[Workers](FakeWorkers)
    sink_positions = LazyPart[SinkPositions](FakeSinkPositions)
    site_events = LazyPart[SiteEvents](FakeSiteEvents)
    incidents = LazyPart[Incidents](FakeIncidents)
    deliveries = LazyPart[Deliveries](FakeDeliveries)
    channels = LazyPart[Channels](FakeChannels)
    alert_rules = LazyPart[AlertRules](FakeAlertRules)
    silences = LazyPart[Silences](FakeSilences)
    accounts = LazyPart[Accounts](FakeAccounts)
    sessions = LazyPart[Sessions](FakeSessions)
    api_tokens = LazyPart[ApiTokens](FakeApiTokens)
    audit = LazyPart[AuditLog](FakeAuditLog)

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def __aenter__(self) -> Self:
        self._store.require_up()
        self.transaction = self._begin()
        return self

    def _begin(self) -> Transaction:
        return Transaction(self._store)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.transaction.end()

    async def load_for_update(
        self, run_ids: Sequence[int], keys: Sequence[ReceiptKey] = (), refs: Collection[PipelineRef] = ()
    ) -> LoadedForUpdate:
        runs = await self.runs.lock(run_ids)
        return LoadedForUpdate(runs, dict(await self.receipts.find(keys)), dict(await self.pipelines.find_many(refs)))

    async def prepare_runs(self, pipeline_ids: Collection[int], buckets: Collection[Bucket]) -> PreparedRuns:
        return PreparedRuns(await self.runs.next_numbers(pipeline_ids), await self.concurrency.lock(buckets))

    async def commit(self) -> None:
        await self.transaction.begin_statement()
        self.transaction.commit()

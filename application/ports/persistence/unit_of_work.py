"""The unit of work: one transaction with the store."""

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

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
from application.ports.persistence.pipelines import PipelineRef, Pipelines, StoredPipeline
from application.ports.persistence.receipts import Receipt, ReceiptKey, Receipts
from application.ports.persistence.reporters import Reporters
from application.ports.persistence.runs import Runs
from application.ports.persistence.schedules import Schedules
from application.ports.persistence.silences import Silences
from application.ports.persistence.sink_positions import SinkPositions
from application.ports.persistence.site_events import SiteEvents
from application.ports.persistence.ticks import Ticks
from application.ports.persistence.workers import Workers
from domain.concurrency.allocation import BucketState
from domain.concurrency.bucket import Bucket
from domain.runs.run import Run


class LoadedForUpdate(NamedTuple):
    """Locked runs, and the receipts and pipelines read after the locks."""

    runs: dict[int, Run]
    receipts: dict[ReceiptKey, Receipt]
    pipelines: dict[PipelineRef, StoredPipeline]


class PreparedRuns(NamedTuple):
    """The number of the next run by pipeline, and the states of locked buckets by name."""

    numbers: Mapping[int, int]
    states: Mapping[str, BucketState]


class UnitOfWork(Protocol):
    """One transaction, opened with `async with`. Leaving it without `commit` discards all changes. Raises Unavailable.

    Writes may be buffered: they are sent with the next read or the commit, and can fail there.
    """

    pipelines: Pipelines
    schedules: Schedules
    ticks: Ticks
    backfills: Backfills
    runs: Runs
    receipts: Receipts
    reporters: Reporters
    idempotency: Idempotency
    concurrency: Concurrency
    leases: Leases
    logs: Logs
    outbox: Outbox
    dispatches: Dispatches
    flow_runs: FlowRuns
    workers: Workers
    sink_positions: SinkPositions
    site_events: SiteEvents
    incidents: Incidents
    deliveries: Deliveries
    channels: Channels
    alert_rules: AlertRules
    silences: Silences
    accounts: Accounts
    sessions: Sessions
    api_tokens: ApiTokens
    audit: AuditLog

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    async def load_for_update(
        self, run_ids: Sequence[int], keys: Sequence[ReceiptKey] = (), refs: Collection[PipelineRef] = ()
    ) -> LoadedForUpdate:
        """Lock the runs, and read the receipts and pipelines after the locks, all in one round trip.

        After the commit, another caller may get the same Run objects. Read what is needed of them before the next `await`.
        """
        ...

    async def prepare_runs(self, pipeline_ids: Collection[int], buckets: Collection[Bucket]) -> PreparedRuns:
        """Return the numbers as `runs.next_numbers` does, and lock the buckets as `concurrency.lock` does, all in one round trip."""
        ...

    async def commit(self) -> None:
        """Commit the transaction. The changes are durable when this returns."""
        ...


class OpenUnitOfWork(Protocol):
    def __call__(self) -> UnitOfWork: ...

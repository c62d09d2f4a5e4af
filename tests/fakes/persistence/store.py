"""The committed rows, shared by fake units of work and the fake reader."""

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from application.ports.dispatch.deployments import FlowLogPosition
from application.ports.persistence.deliveries import StoredMessage
from application.ports.persistence.flow_runs import FlowLogState, FlowRunRef
from application.ports.persistence.leases import Lease
from application.ports.persistence.logs import UnfinishedLines
from application.ports.persistence.receipts import Receipt, ReceiptKey
from application.ports.persistence.reporters import ReporterKey, TakenReport
from application.ports.persistence.schedules import StoredSchedule
from application.ports.persistence.workers import TokenWorker, WorkerStatus
from application.ports.system.clock import Clock
from application.queries.views.events import EventView, SiteEventView
from application.queries.views.logs import LogLineView
from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditEntry
from domain.access.sessions import Session
from domain.alerts.channel import Channel
from domain.alerts.delivery import Delivery
from domain.alerts.incident import Incident
from domain.alerts.incident_entry import IncidentEntry
from domain.alerts.rule import SiteRule
from domain.alerts.rule_state import RuleKey, RuleState
from domain.alerts.silence import Silence
from domain.backfills.backfill import Backfill
from domain.backfills.tick import BackfillTick
from domain.concurrency.group import GroupUse
from domain.errors import Unavailable
from domain.pipelines.activation import ACTIVE, Activation
from domain.pipelines.applied_file import AppliedFile
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.revision_origin import RevisionOrigin
from domain.runs.attempt_log import AttemptLog
from domain.runs.run import Run
from domain.schedules.tick import Tick
from tests.fakes.persistence.locks import RowLocks
from tests.fakes.system.clock import FakeClock

if TYPE_CHECKING:
    from tests.fakes.persistence.unit_of_work import FakeUnitOfWork


@dataclass(frozen=True, slots=True)
class PipelineRow:
    id: int
    name: str
    revision: int
    created_at: datetime
    updated_at: datetime
    activation: Activation = ACTIVE
    deleting_at: datetime | None = None
    applied: AppliedFile | None = None


@dataclass(frozen=True, slots=True)
class DispatchRow:
    pool: str
    requested_at: datetime
    ended_at: datetime | None = None
    is_claimed: bool = False
    lost: bool = False
    flow_run_id: str | None = None
    is_settled: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    run_id: int
    epoch: int
    pool: str
    created_at: datetime
    due_at: datetime
    tries: int = 0
    error: str | None = None
    relay: str | None = None
    quarantined: bool = False


_NO_LOG = FlowLogState(FlowLogPosition(), 0)


@dataclass(frozen=True, slots=True)
class FlowRunRow:
    due_at: datetime
    leased_until: datetime | None = None
    tries: int = 0
    flow_run_id: str | None = None
    created_at: datetime | None = None
    seen: str | None = None
    missing_since: datetime | None = None
    pool_checked_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_sent_at: datetime | None = None
    log: FlowLogState = _NO_LOG


@dataclass(frozen=True, slots=True)
class LeaseRow:
    lease: Lease
    until: datetime


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    digest: bytes
    answer: Any
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WorkerRow:
    worker: WorkerStatus
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class SinkPositionRow:
    cursor: str | None
    teller: str | None
    due_at: datetime
    tries: int = 0
    error: str | None = None


SlotKey = tuple[str, int, int]
"""A bucket, the id of a run, and the position of its stage; OF_RUN for the run itself."""
OF_RUN = -1


@dataclass(frozen=True, slots=True)
class SlotRow:
    limit_name: str
    taken_at: datetime
    over_limit: bool


@dataclass(frozen=True, slots=True)
class SlotWaitRow:
    limit_name: str
    priority: int
    waits_since: datetime


@dataclass(frozen=True, slots=True)
class LimitRow:
    limit: int
    pipeline_id: int | None
    set_by: str | None
    set_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelRow:
    channel: Channel
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiteRuleRow:
    rule: SiteRule
    created_at: datetime
    created_by: str | None


@dataclass(frozen=True, slots=True)
class SilenceRow:
    silence: Silence
    ended_at: datetime | None = None
    ended_by: str | None = None


@dataclass(slots=True)
class Tables:
    """Rows by primary key. Rows are immutable, except runs, which are copied."""

    pipelines: dict[int, PipelineRow] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    revisions: dict[tuple[int, int], PipelineDefinition] = field(default_factory=dict)
    revised_at: dict[tuple[int, int], datetime] = field(default_factory=dict)
    origins: dict[tuple[int, int], RevisionOrigin] = field(default_factory=dict)
    schedules: dict[int, StoredSchedule] = field(default_factory=dict)
    removed_schedules: dict[int, datetime] = field(default_factory=dict)
    ticks: dict[tuple[int, datetime], Tick] = field(default_factory=dict)
    tick_ids: dict[tuple[int, datetime], int] = field(default_factory=dict)
    backfills: dict[int, Backfill] = field(default_factory=dict)
    backfill_ticks: dict[tuple[int, int], BackfillTick] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    events: dict[tuple[int, int], EventView] = field(default_factory=dict)
    site_events: dict[int, SiteEventView] = field(default_factory=dict)
    dispatches: dict[tuple[int, int], DispatchRow] = field(default_factory=dict)
    outbox: dict[int, OutboxEntry] = field(default_factory=dict)
    flow_runs: dict[FlowRunRef, FlowRunRow] = field(default_factory=dict)
    flow_run_polls: dict[bool, datetime] = field(default_factory=dict)
    receipts: dict[ReceiptKey, Receipt] = field(default_factory=dict)
    received: dict[ReceiptKey, datetime] = field(default_factory=dict)
    reporters: dict[tuple[int, str], int] = field(default_factory=dict)
    last_reports: dict[ReporterKey, tuple[TakenReport, datetime]] = field(default_factory=dict)
    answers: dict[tuple[str, str], StoredAnswer] = field(default_factory=dict)
    leases: dict[int, LeaseRow] = field(default_factory=dict)
    log_lines: dict[tuple[int, int], LogLineView] = field(default_factory=dict)
    log_progress: dict[tuple[int, str, int], AttemptLog] = field(default_factory=dict)
    log_unfinished: dict[tuple[int, str, int], UnfinishedLines] = field(default_factory=dict)
    workers: dict[str, WorkerRow] = field(default_factory=dict)
    token_workers: dict[tuple[int, str], TokenWorker] = field(default_factory=dict)
    announcements: dict[str, SinkPositionRow] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    sessions: dict[bytes, Session] = field(default_factory=dict)
    api_tokens: dict[bytes, ApiToken] = field(default_factory=dict)
    audit: dict[int, AuditEntry] = field(default_factory=dict)
    slots: dict[SlotKey, SlotRow] = field(default_factory=dict)
    slot_waits: dict[SlotKey, SlotWaitRow] = field(default_factory=dict)
    limits: dict[str, LimitRow] = field(default_factory=dict)
    group_uses: dict[tuple[str, int], GroupUse] = field(default_factory=dict)
    alert_positions: dict[int, str] = field(default_factory=dict)
    rule_states: dict[RuleKey, RuleState] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)
    incident_entries: dict[int, IncidentEntry] = field(default_factory=dict)
    alert_messages: dict[str, StoredMessage] = field(default_factory=dict)
    deliveries: dict[int, Delivery] = field(default_factory=dict)
    link_uses: dict[tuple[int, str], datetime] = field(default_factory=dict)
    channels: dict[int, ChannelRow] = field(default_factory=dict)
    channel_uses: dict[tuple[int, str], str] = field(default_factory=dict)
    site_rules: dict[int, SiteRuleRow] = field(default_factory=dict)
    silences: dict[int, SilenceRow] = field(default_factory=dict)

    def apply(self, changes: dict[str, dict[Any, Any]], deleted: object) -> None:
        """Apply the changes of a committed transaction."""
        for table, changed in changes.items():
            rows = getattr(self, table)
            for key, row in changed.items():
                if row is deleted:
                    rows.pop(key, None)
                else:
                    rows[key] = row


class FakeStore:
    """One database. With `is_down`, all calls raise Unavailable.

    `schedule_names` has the names of all schedules by id, removed ones included.

    `journal` holds events, site events and the ids of runs that got log lines, in the order of commits.
    """

    def __init__(self, clock: Clock | None = None, lock_timeout: float = 2.0) -> None:
        self.clock: Clock = clock or FakeClock()
        self.committed = Tables()
        self.locks = RowLocks(lock_timeout)
        self.journal: list[EventView | SiteEventView | int] = []
        self.schedule_names: dict[int, str] = {}
        self.is_down = False
        self.sequences: Counter[str] = Counter()

    def open_unit_of_work(self) -> "FakeUnitOfWork":
        from tests.fakes.persistence.unit_of_work import FakeUnitOfWork

        return FakeUnitOfWork(self)

    def copy(self) -> "FakeStore":
        """Return another database with the same rows. Rows are never changed in place, so the two share them."""
        other = FakeStore(self.clock, self.locks.timeout)
        other.committed = Tables(**{each.name: dict(getattr(self.committed, each.name)) for each in fields(Tables)})
        other.journal, other.schedule_names = list(self.journal), dict(self.schedule_names)
        other.sequences = Counter(self.sequences)
        return other

    def next_id(self, sequence: str) -> int:
        """Return the next number of a sequence. A rollback does not return it."""
        self.sequences[sequence] += 1
        return self.sequences[sequence]

    def require_up(self) -> None:
        if self.is_down:
            raise Unavailable("The database does not respond.")

"""What the use cases ask of the store. Everything read or written inside one `async with` is one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from application.ports.access.stores import Accounts, ApiTokens, AuditLog, Sessions
from application.ports.telemetry.lifecycle_events import SinkPositions
from domain.errors import IdempotencyKeyReused
from domain.pipelines.definition import PipelineDefinition
from domain.runs.dispatch import DispatchState
from domain.runs.run import Run
from domain.runs.status import Status

PipelineRef = int | str
"""A pipeline's integer id or its unique name."""


@dataclass(frozen=True, slots=True)
class StoredPipeline:
    """A pipeline with its newest revision."""

    id: int
    revision: int
    definition: PipelineDefinition
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        return self.definition.name


class Pipelines(Protocol):
    async def add(self, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        """Store a new pipeline as revision 1. NameTaken when the name exists."""
        ...

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        """The pipeline, its row locked until the transaction ends when asked; None when there is none."""
        ...

    async def find_many(self, refs: Collection[PipelineRef]) -> Mapping[PipelineRef, StoredPipeline]:
        """Those of the pipelines that exist, by what they were asked for; not locked."""
        ...

    async def revise(self, pipeline_id: int, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        """Add the next revision; the row is locked already. NameTaken when renamed to a name that exists."""
        ...

    async def count(self) -> int: ...


class Runs(Protocol):
    async def next_number(self, pipeline_id: int) -> int:
        """The number the pipeline's next run gets; the pipeline's row is locked already."""
        ...

    async def add(self, run: Run) -> int:
        """Store a new run with its stages, events and, when it asks for one, its dispatch request; set and return its id."""
        ...

    async def lock(self, ids: Sequence[int]) -> dict[int, Run]:
        """Load runs, their rows locked in ascending id; ids that do not exist are left out.

        Locks first, reads the stages in a later statement, so that what another transaction just committed is seen.
        """
        ...

    async def save(self, *runs: Run) -> None:
        """Store what changed since `lock`: the runs, their attempts, events and dispatch requests. Many cost what one costs.

        Clears `new_events` and `new_dispatch`.
        """
        ...

    async def active_ids(self, pipeline_ids: Collection[int]) -> Mapping[int, list[int]]:
        """Each pipeline's runs that are not over, oldest first; a list for every pipeline asked for."""
        ...

    async def latest_id(self, pipeline_id: int) -> int | None: ...

    async def find_due(self, now: datetime, limit: int) -> list[int]:
        """Runs for which `wake_due` has something to do at `now` (a retry that is due, a deadline that passed)."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """The stored answer to a report that had an event id. `digest` is the hash of the canonical item."""

    digest: bytes
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """An event id, unique per run and reporter; `reporter` is '' when nobody is named."""

    run_id: int
    reporter: str
    event_id: str


class Receipts(Protocol):
    """Which event ids were answered, and each reporter's highest seq. Lists, so that a batch costs what one report costs."""

    async def find(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, Receipt]:
        """The stored answers of those keys that have one."""
        ...

    async def add(self, receipts: Mapping[ReceiptKey, Receipt], now: datetime) -> None: ...

    async def last_seqs(self, reporters: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
        """The highest seq per (run id, reporter), for those that gave one."""
        ...

    async def set_last_seqs(self, seqs: Mapping[tuple[int, str], int]) -> None:
        """Remember the highest seqs: a lower one than stored changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key for one request. `scope` is the route and who calls, `digest` the hash of the canonical body."""

    scope: str
    key: str
    digest: bytes

    def check(self, digest: bytes) -> None:
        """IdempotencyKeyReused unless this is the digest of the request that had the key first."""
        if digest != self.digest:
            raise IdempotencyKeyReused(self.key)


class Idempotency(Protocol):
    """Answers to requests that had a key, stored in the transaction of what they did."""

    async def find(self, key: IdempotencyKey, now: datetime) -> Mapping[str, Any] | None:
        """The stored answer. None for a new key, which is this transaction's from now on: whoever asks for it meanwhile waits for
        the end of this one, and gets Conflict `in_progress` when that takes too long. IdempotencyKeyReused when the request had another body.
        """
        ...

    async def add(self, key: IdempotencyKey, answer: Mapping[str, Any]) -> None:
        """Store the answer of a key that `find` gave to this transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: int
    epoch: int
    worker: str


class Leases(Protocol):
    """Who carries which dispatch until when, by the store's clock."""

    async def grant(self, lease: Lease, seconds: float) -> None:
        """Give the run's lease to this dispatch, replacing what an earlier dispatch left."""
        ...

    async def renew(self, worker: str, dispatches: Sequence[tuple[int, int]], seconds: float) -> set[tuple[int, int]]:
        """Extend the (run id, epoch) pairs that this worker still holds; an expired lease cannot be renewed. Returns those extended."""
        ...

    async def release(self, run_id: int, epoch: int) -> None: ...

    async def find_expired(self, limit: int) -> list[Lease]:
        """Leases past their end by the store's clock at this moment, not locked: lock the run and check `is_expired` again."""
        ...

    async def is_expired(self, run_id: int, epoch: int) -> bool:
        """Read by the store's clock at this moment (not the transaction's start)."""
        ...

    async def extend_all(self, seconds: float) -> None:
        """Give every lease a full term from now: the sweep was not watching, so it may not judge."""
        ...

    async def find_held_by(self, worker: str) -> list[Lease]:
        """Leases of this worker that are not expired."""
        ...


@dataclass(frozen=True, slots=True)
class NewLogLine:
    """One line of a stage's output. `index` counts the attempt's lines from 0, so a repeated append stores nothing twice."""

    index: int
    at: datetime
    stream: str
    text: str


class Logs(Protocol):
    async def append(self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLogLine], limit_bytes: int) -> int:
        """Store the lines not stored before, numbered on within the run; returns how many were stored.

        Past `limit_bytes` for the attempt one line says that the rest is cut, and everything after it is dropped.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A dispatch that Prefect must be told of. `tries` counts earlier deliveries that failed."""

    id: int
    run_id: int
    epoch: int
    pool: str
    tries: int
    created_at: datetime


class Outbox(Protocol):
    """Dispatches to be recorded in (warm pool) or carried by (any other pool) Prefect; rows are written by `Runs.add` and `Runs.save`."""

    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        """Take due rows for this relay for `seconds`; rows another relay has, or has locked, are passed over."""
        ...

    async def mark_delivered(self, run_id: int, epoch: int) -> None: ...

    async def postpone(self, row_id: int, error: str, delay: float) -> None:
        """Count a failed delivery, keep its sentence, try again after `delay` seconds."""
        ...

    async def quarantine(self, row_id: int, error: str, delay: float) -> None:
        """As `postpone`, for a row that was refused too often: it says so until it is delivered."""
        ...

    async def release(self) -> int:
        """Make every row in quarantine due now; returns how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class DispatchRecord:
    """One dispatch and its place in Prefect. `state` is the run's dispatch state while it is the newest dispatch, else none; `ended_at` when it
    was closed, however; `claimed` when a worker took it; `lost` when its lease ran out."""

    run_id: int
    number: int
    epoch: int
    pool: str
    state: DispatchState
    requested_at: datetime
    ended_at: datetime | None
    claimed: bool
    lost: bool
    flow_run_id: str | None
    run_status: Status
    pipeline: str
    trace: Mapping[str, str] = field(default_factory=dict)
    """Where the run was triggered, as `TraceContext`."""


class Dispatches(Protocol):
    async def record_flow_run(self, run_id: int, epoch: int, flow_run_id: str) -> None: ...

    async def find_run_id_by_flow_run(self, flow_run_id: str) -> int | None:
        """The run whose open dispatch this flow run is; None when that dispatch is over or it is none of ours, whatever the text."""
        ...

    async def find(self, run_id: int, epoch: int) -> DispatchRecord | None: ...

    async def find_unsettled(self, limit: int) -> list[DispatchRecord]:
        """Dispatches with a flow run whose terminal state in Prefect was not confirmed yet, oldest first."""
        ...

    async def mark_settled(self, run_id: int, epoch: int) -> None:
        """Prefect's state of that flow run is terminal; it need not be looked at again."""
        ...

    async def requested(self, pool: str, limit: int) -> list[tuple[int, int]]:
        """(run id, epoch) of dispatches nobody has claimed, oldest first."""
        ...

    async def find_holders(self, run_ids: Sequence[int]) -> dict[int, str]:
        """The worker that holds each run's claimed dispatch."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker process as it last spoke."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    version: str = ""


class Workers(Protocol):
    async def seen(self, worker: WorkerStatus, now: datetime) -> None:
        """Insert or refresh."""
        ...

    async def remove(self, worker_id: str) -> None: ...


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

    async def load_for_update(self, run_ids: Sequence[int], keys: Sequence[ReceiptKey] = (), refs: Collection[PipelineRef] = ()) -> LoadedForUpdate:
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

"""What readers get: plain values, in the words of DESIGN §5. They are read straight from the store, past the aggregates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.pipelines.definition import PipelineDefinition
from domain.runs.events import EventType
from domain.runs.status import Reason, Status


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try of a stage. Times are UTC, durations seconds."""

    number: int
    status: Status
    reason: Reason | None
    created_at: datetime
    queued_at: datetime | None
    due_at: datetime | None
    deadline_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    records_processed: int | None
    error_message: str | None
    message: str | None
    output: Any
    worker: str | None
    by_person: bool = False
    stop_requested_at: datetime | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class StageRunView:
    """A stage of a run: its name, kind and needs, and its attempts, oldest first (at least one)."""

    name: str
    kind: str
    needs: Sequence[str]
    attempts: Sequence[AttemptView]
    allow_failure: bool = False
    retries: int = 0
    timeout: float = 0.0
    approvers: Sequence[str] = ()
    message: str | None = None
    """An approval's question."""
    fields: Mapping[str, Any] | None = None

    @property
    def newest(self) -> AttemptView:
        return self.attempts[-1]

    @property
    def status(self) -> Status:
        return self.newest.status

    @property
    def waiting_since(self) -> datetime | None:
        """Since when somebody is awaited: its deadline counts from then. None before its needs are met, or when it does not wait."""
        newest = self.newest
        if newest.status is not Status.WAITING or newest.deadline_at is None:
            return None
        return newest.deadline_at - timedelta(seconds=self.timeout)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its stages in the definition's order."""

    id: int
    number: int
    pipeline_id: int
    pipeline: str
    revision: int
    status: Status
    verdict: Status | None
    trigger: str
    actor: str | None
    parameters: Mapping[str, Any]
    pool: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    records_processed: int | None
    dispatch_state: str
    dispatch_epoch: int
    dispatch_holder: str | None
    dispatch_requested_at: datetime | None
    stop_requested_at: datetime | None
    last_seq: int
    flow_run_ids: Sequence[str] = ()
    unrecorded: bool = False
    """True while an outbox row of this run still waits to reach Prefect."""
    refusal: str | None = None
    """What Prefect said when it refused a dispatch of this run so often that it is left alone for a time."""
    stages: Sequence[StageRunView] = ()
    repeats: int | None = None
    """The run that it is a repetition of."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """Where the run was triggered, as W3C trace headers; empty when nothing was traced."""
    parallelism: int = 16
    """Stages of it that run on a worker at once."""


@dataclass(frozen=True, slots=True)
class RunBar:
    """A run as the board draws it."""

    id: int
    number: int
    status: Status
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PipelineStateVersion:
    """How far a pipeline is: while this is the same, nothing that is shown of it has changed. Zeros before its first run."""

    id: int
    revision: int
    latest_run: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class RunStateVersion:
    """How far a run is: while this is the same, nothing that a list shows of it has changed. `flow_runs` are its flow runs' ids."""

    id: int
    last_seq: int
    pipeline: str
    flow_runs: str


@dataclass(frozen=True, slots=True)
class PipelineView:
    """A pipeline with its newest revision and, when it has run, its latest run."""

    id: int
    revision: int
    definition: PipelineDefinition
    created_at: datetime
    updated_at: datetime
    latest: RunView | None = None

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def status(self) -> Status:
        return self.latest.status if self.latest else Status.PENDING


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A pipeline as the board shows it: `bars` are its last 20 runs, oldest first."""

    pipeline: PipelineView
    bars: Sequence[RunBar] = ()


@dataclass(frozen=True, slots=True)
class EventView:
    """A fact of a run's log; `pipeline_id` saves a reader a look-up."""

    run_id: int
    pipeline_id: int
    seq: int
    type: EventType
    at: datetime
    stage: str | None
    attempt: int | None
    status: Status | None
    actor: str | None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLineView:
    """One line of output. `n` counts the run's lines from 1; `stream` is stdout, stderr or headgate."""

    n: int
    at: datetime
    stream: str
    text: str
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which of a run's lines are wanted; what is left out, all. `text` is looked for in any case."""

    stage: str | None = None
    attempt: int | None = None
    stream: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process as it last spoke."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class QueueView:
    """Who serves a pool, and what waits to be served: `waiting` are the runs that no worker has taken, in the order they are taken,
    cut off after so many as were asked for."""

    workers: Sequence[WorkerView]
    waiting: Sequence[int]


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How long a stage's completed attempts took lately, in seconds."""

    stage: str
    median: float
    slow: float
    """The 95th percentile."""
    count: int


@dataclass(frozen=True, slots=True)
class FailureView:
    """Failures that are alike: `count` attempts with one fingerprint. `message` is the newest one's; `runs` are (id, number), newest first,
    at most ten. `first_at` and `first_run` are of all the pipeline's runs, however many there were."""

    fingerprint: str
    stage: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime
    runs: Sequence[tuple[int, int]]
    first_run: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class FirstOccurrence:
    """Where a failure was seen for the first time."""

    run_id: int
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PastDecision:
    """What somebody decided when an earlier run asked the same."""

    run_id: int
    number: int
    approved: bool
    by: str | None
    comment: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One revision of a pipeline."""

    revision: int
    definition: PipelineDefinition
    created_at: datetime

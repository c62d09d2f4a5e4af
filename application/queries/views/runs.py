"""Read models of runs: a run, its stages and their attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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
class RunStateVersion:
    """How far a run is: while this is the same, nothing that a list shows of it has changed. `flow_runs` are its flow runs' ids."""

    id: int
    last_seq: int
    pipeline: str
    flow_runs: str

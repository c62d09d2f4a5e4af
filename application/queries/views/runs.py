"""Read models of runs: a run, its stages and their attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.flow_runs.flow_run import FlowRun
from domain.pipelines.definition import OnCancel, StageKind
from domain.runs.run_name import RunName
from domain.runs.status import Reason, Status


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a stage. Times are UTC, durations are seconds."""

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
    flow_run: FlowRun | None = None
    """The flow run of a stage of kind `prefect`, once it is requested."""


@dataclass(frozen=True, slots=True)
class StageRunView:
    """A stage of a run, with its attempts, oldest first. There is at least one attempt."""

    name: str
    kind: str
    needs: Sequence[str]
    attempts: Sequence[AttemptView]
    allow_failure: bool = False
    retries: int = 0
    timeout: float = 0.0
    approvers: Sequence[str] = ()
    message: str | None = None
    """The question that an approval stage asks."""
    fields: Mapping[str, Any] | None = None
    deployment: str | None = None
    """The Prefect deployment that a stage of kind `prefect` runs, as FLOW/NAME."""
    parameters: Mapping[str, Any] | None = None
    """The parameters of that deployment, with `{parameter: NAME}` for a parameter of the run."""
    on_cancel: OnCancel = OnCancel.CANCEL

    @property
    def newest(self) -> AttemptView:
        return self.attempts[-1]

    @property
    def status(self) -> Status:
        return self.newest.status

    @property
    def has_flow_run(self) -> bool:
        """Return whether Prefect runs the stage now, or is to run it."""
        return self.newest.flow_run is not None and not self.status.is_terminal

    @property
    def waiting_since(self) -> datetime | None:
        """Return when the stage began to wait for a report or an approval; None if it is not waiting yet."""
        newest = self.newest
        if newest.status is not Status.WAITING or newest.deadline_at is None or newest.reason is Reason.PAUSED:
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
    """True while a dispatch of this run is still in the outbox, not yet in Prefect."""
    refusal: str | None = None
    """Prefect's error message, if it rejected a dispatch of this run so often that the dispatch is quarantined."""
    stages: Sequence[StageRunView] = ()
    repeats: int | None = None
    """The id of the run that this run repeats."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace context of the trigger, as W3C headers; empty if the trigger was not traced."""
    parallelism: int = 16
    """How many of its stages may run on a worker at the same time."""
    scheduled_for: datetime | None = None
    """The time of the tick that opened the run, without jitter; None for other runs."""
    priority: int = 0
    slot_state: str = "none"
    """The state of the run's own slots: `none`, `waiting`, `held` or `released`."""
    over_limit: bool = False
    """True if a person let the run or one of its stages start although a limit was reached."""
    backfill_id: int | None = None
    idle_seconds: float = 0.0
    """For how long the run has been idle since its start, without the time since `idle_since`."""
    idle_since: datetime | None = None

    @property
    def name(self) -> str:
        """The name that people read and copy, such as `etl#12`."""
        return str(RunName(self.pipeline, self.number))

    def find_stage(self, name: str | None) -> StageRunView | None:
        """Return the stage with this name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def waits_for_slot(self) -> bool:
        """Return whether a concurrency limit alone keeps the run from starting or from continuing."""
        if self.status.is_terminal:
            return False
        if self.slot_state == "waiting":
            return True
        return self.status is Status.QUEUED and bool(self.limited_stages) and len(self.limited_stages) == len(self._queued_stages)

    @property
    def limited_stages(self) -> list[StageRunView]:
        """Return the queued stages that wait for a slot of a concurrency limit."""
        return [stage for stage in self._queued_stages if stage.newest.reason is Reason.LIMIT]

    @property
    def dispatched_stages(self) -> list[StageRunView]:
        """Return the queued stages that wait for a worker."""
        queued = [stage for stage in self._queued_stages if stage.newest.reason is not Reason.LIMIT]
        return [stage for stage in queued if stage.kind != StageKind.PREFECT]

    @property
    def queued_flow_run_stages(self) -> list[StageRunView]:
        """Return the queued stages that Prefect is to run."""
        queued = [stage for stage in self._queued_stages if stage.newest.reason is not Reason.LIMIT]
        return [stage for stage in queued if stage.kind == StageKind.PREFECT]

    @property
    def has_flow_runs(self) -> bool:
        """Return whether Prefect runs a stage now, or is to run one."""
        return any(stage.has_flow_run for stage in self.stages)

    @property
    def _queued_stages(self) -> list[StageRunView]:
        return [stage for stage in self.stages if stage.status is Status.QUEUED]


@dataclass(frozen=True, slots=True)
class RunBar:
    """A run as one bar of the board's run chart."""

    id: int
    number: int
    status: Status
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    idle_seconds: float = 0.0
    idle_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunStateVersion:
    """Changes whenever something that a list shows of the run changes. `flow_runs` joins the ids of its flow runs."""

    id: int
    last_seq: int
    pipeline: str
    flow_runs: str


@dataclass(frozen=True, slots=True)
class RunTimes:
    """When a run was opened, started and ended, and what started it."""

    id: int
    number: int
    status: Status
    trigger: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    idle_seconds: float = 0.0
    idle_since: datetime | None = None

"""A run: the aggregate that moves its stages, records what happened and asks for dispatches. It is told the time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.errors import Conflict, NotFound
from domain.pipelines.definition import QUEUE_TIMEOUT, PipelineDefinition, StageKind
from domain.runs.attempt import Attempt
from domain.runs.dispatch import Dispatch, DispatchState
from domain.runs.events import Event, EventType
from domain.runs.readiness import Readiness, compute_run_status, get_readiness
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger

APPROVAL_REMINDER_DELAY = 86_400.0
"""Seconds after which an approval that nobody gave is told again, or half of its time when that is less."""
TIMEOUT_GRACE = 30.0
"""Seconds past its timeout that a stage's worker has to end it and say so."""


@dataclass(slots=True)
class Run:
    """One execution of a revision. Stored as a whole under its row's lock.

    `new_events` are the facts since it was loaded; `new_dispatch` is the epoch of a dispatch requested since then, for the outbox.
    """

    pipeline_id: int
    definition: PipelineDefinition
    revision: int
    number: int
    trigger: Trigger
    parameters: Mapping[str, Any]
    created_at: datetime
    stages: dict[str, StageRun]
    id: int = 0
    status: Status = Status.PENDING
    verdict: Status | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stop_requested_at: datetime | None = None
    last_seq: int = 0
    dispatch: Dispatch = field(default_factory=Dispatch)
    trace: Mapping[str, str] = field(default_factory=dict)
    new_events: list[Event] = field(default_factory=list)
    new_dispatch: int | None = None

    @classmethod
    def open(
        cls,
        *,
        pipeline_id: int,
        definition: PipelineDefinition,
        revision: int,
        number: int,
        trigger: Trigger,
        parameters: Mapping[str, Any],
        now: datetime,
        trace: Mapping[str, str] | None = None,
    ) -> "Run":
        """A new run: external stages wait for reports, what needs nothing is queued, and a dispatch is requested for it."""
        stages = {stage.name: StageRun(stage, [Attempt(1, now)]) for stage in definition.stages}
        run = cls(pipeline_id, definition, revision, number, trigger, parameters, now, stages, trace=trace or {})
        opened = {"trigger": trigger.kind, "number": number, "revision": revision}
        opened |= {"repeats": trigger.repeats} if trigger.repeats else {}
        run.record(EventType.RUN_OPENED, now, actor=trigger.actor, data=opened)
        for stage in stages.values():
            run.await_report(stage, now)
        run.propagate(now)
        return run

    def await_report(self, stage: StageRun, now: datetime) -> None:
        """An external stage waits from the start: what is reported about it does not depend on its needs."""
        if stage.definition.kind is StageKind.EXTERNAL:
            self.move(stage, Status.WAITING, now, reason=Reason.EXTERNAL)

    def reopen(self, now: datetime, actor: str | None, data: Mapping[str, Any]) -> None:
        """A person's retry or skip takes a finished run up again; what was said of it as a whole is void. `settle` follows."""
        if not self.is_over:
            return
        self.verdict = self.stop_requested_at = self.finished_at = None
        self.status = Status.PENDING
        self.record(EventType.RUN_REOPENED, now, actor=actor, data=data)

    @property
    def is_over(self) -> bool:
        return self.status.is_terminal

    def get_stage(self, name: str) -> StageRun:
        """Return the stage of this name. Raises NotFound."""
        stage = self.stages.get(name)
        if stage is None:
            raise NotFound("stage", name)
        return stage

    def require_not_stopping(self) -> None:
        """Raise Conflict `run_ending` while the run is being stopped."""
        if self.stop_requested_at is not None and not self.is_over:
            raise Conflict("run_ending", "The run is being stopped; wait until it is over.", {"status": self.status})

    @property
    def pool(self) -> str:
        return self.definition.pool

    @property
    def records_processed(self) -> int | None:
        """The count of the last stage that gave one: what the run brought to its end."""
        counts = [stage.current.records_processed for stage in self.stages.values() if stage.current.records_processed is not None]
        return counts[-1] if counts else None

    @property
    def has_only_progress_events(self) -> bool:
        """True when all that happened since it was loaded is that stages under way told their details: nothing moved."""
        return bool(self.new_events) and all(event.type is EventType.STAGE_PROGRESS for event in self.new_events)

    def record(
        self,
        type: EventType,
        at: datetime,
        *,
        stage: StageRun | None = None,
        attempt: int | None = None,
        status: Status | None = None,
        actor: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Event:
        self.last_seq += 1
        number = attempt if attempt is not None else stage.current.number if stage else None
        event = Event(self.last_seq, type, at, actor, stage.name if stage else None, number, status, data or {})
        self.new_events.append(event)
        return event

    def move(self, stage: StageRun, to: Status, now: datetime, *, reason: Reason | None = None, actor: str | None = None) -> None:
        """Take one legal move of a stage's current attempt and record it."""
        attempt = stage.current
        attempt.move(to, now, reason)
        data = {
            key: value
            for key, value in (
                ("reason", reason),
                ("records_processed", attempt.records_processed if to.is_terminal else None),
                ("error_message", attempt.error_message if to.is_terminal else None),
                ("worker", attempt.worker if to is Status.RUNNING else None),
                ("due_at", attempt.due_at.isoformat() if attempt.due_at and to is Status.WAITING else None),
            )
            if value is not None
        }
        self.record(EventType.STAGE_MOVED, now, stage=stage, status=to, actor=actor, data=data)

    def propagate(self, now: datetime) -> None:
        """Apply what follows from the last fact: retries, readiness, the run's status, a dispatch for what can start.

        Called in the transaction of the fact that causes it, so that no startable stage is ever stored as `pending`.
        """
        if self.stop_requested_at is None:
            self._plan_retries(now)
            while self._open_gates(now):
                pass
            self._count_external_deadlines(now)
        self._settle_status(now)
        if self.startable_stages and self.dispatch.state is DispatchState.NONE:
            self._request_dispatch(now)

    @property
    def startable_stages(self) -> list[StageRun]:
        """Queued stages, in the definition's order; none once the run was told to stop."""
        if self.stop_requested_at is not None:
            return []
        return [stage for stage in self.stages.values() if stage.status is Status.QUEUED]

    @property
    def running(self) -> list[StageRun]:
        return [stage for stage in self.stages.values() if stage.status is Status.RUNNING]

    def _plan_retries(self, now: datetime) -> None:
        for stage in self.stages.values():
            if stage.should_retry():
                delay = timedelta(seconds=stage.definition.retry_delay)
                stage.attempts.append(Attempt(len(stage.attempts) + 1, now, due_at=now + delay))
                self.move(stage, Status.WAITING, now, reason=Reason.RETRY)
                if not delay:
                    self._queue(stage, now)

    def _open_gates(self, now: datetime) -> bool:
        moved = False
        for stage in self.stages.values():
            waits_for_needs = stage.status is Status.PENDING or (stage.status is Status.WAITING and stage.current.reason is Reason.EXTERNAL)
            if not waits_for_needs:
                continue
            standing = get_readiness(stage, self.stages)
            if standing is Readiness.UNREACHABLE:
                self.move(stage, Status.SKIPPED, now, reason=Reason.UPSTREAM)
                moved = True
            elif standing is Readiness.READY and stage.status is Status.PENDING:
                self._let_through(stage, now)
                moved = True
        return moved

    def _count_external_deadlines(self, now: datetime) -> None:
        for stage in self.stages.values():
            external = stage.definition.kind is StageKind.EXTERNAL and not stage.is_over
            if external and stage.current.deadline_at is None and get_readiness(stage, self.stages) is not Readiness.BLOCKED:
                stage.current.deadline_at = now + timedelta(seconds=stage.definition.timeout)

    def _let_through(self, stage: StageRun, now: datetime) -> None:
        if stage.definition.kind is StageKind.APPROVAL:
            timeout = stage.definition.timeout
            stage.current.deadline_at = now + timedelta(seconds=timeout)
            stage.current.due_at = now + timedelta(seconds=min(timeout / 2, APPROVAL_REMINDER_DELAY))
            self.move(stage, Status.WAITING, now, reason=Reason.APPROVAL)
        else:
            self._queue(stage, now)

    def _queue(self, stage: StageRun, now: datetime) -> None:
        stage.current.due_at = None
        stage.current.deadline_at = now + timedelta(seconds=QUEUE_TIMEOUT)
        self.move(stage, Status.QUEUED, now)

    def _settle_status(self, now: datetime) -> None:
        if self.running and self.started_at is None:
            self.started_at = now
        status = compute_run_status(self.stages.values(), self.verdict, self.started_at is not None)
        if status is self.status:
            return
        self.status = status
        if status.is_terminal:
            self.finished_at = now
        self.record(EventType.RUN_MOVED, now, status=status)

    def _request_dispatch(self, now: datetime) -> None:
        self.dispatch = Dispatch(DispatchState.REQUESTED, self.dispatch.epoch + 1)
        self.new_dispatch = self.dispatch.epoch
        self.record(EventType.DISPATCH_REQUESTED, now, data={"dispatch": self.dispatch.epoch, "pool": self.pool})

    def _close_dispatch(self, type: EventType, now: datetime, **data: Any) -> None:
        holder = self.dispatch.holder
        self.dispatch = Dispatch(DispatchState.NONE, self.dispatch.epoch)
        self.record(type, now, actor=holder, data={"dispatch": self.dispatch.epoch, **data})

    # -- what a worker does ------------------------------------------------------------------------------------------

    def claim(self, epoch: int, worker: str, now: datetime) -> None:
        """Give the requested dispatch to this worker. Conflict when it is not there to be taken, or taken already."""
        if self.dispatch.is_held_by(worker, epoch):
            return
        if self.dispatch.state is not DispatchState.REQUESTED or self.dispatch.epoch != epoch or self.stop_requested_at is not None:
            raise Conflict(
                "dispatch_gone", "This dispatch is not there to be claimed.", {"state": self.dispatch.state, "epoch": self.dispatch.epoch}
            )
        self.dispatch = Dispatch(DispatchState.CLAIMED, epoch, worker)
        self.record(EventType.DISPATCH_CLAIMED, now, actor=worker, data={"dispatch": epoch})

    def start_ready_stages(self, capacity: int, worker: str, now: datetime) -> list[StageRun]:
        """Move queued stages to running for the holder: at most `capacity`, never more at once than `parallelism`."""
        room = min(capacity, self.definition.parallelism - sum(stage.definition.kind.runs_on_worker for stage in self.running))
        chosen = self.startable_stages[: max(0, room)]
        for stage in chosen:
            self.start_stage(stage, worker, now)
        if chosen:
            self._settle_status(now)
        return chosen

    def start_stage(self, stage: StageRun, worker: str, now: datetime) -> None:
        """Move a worker-run stage to running under the open dispatch, whose holder answers for it from now on."""
        attempt = stage.current
        attempt.epoch, attempt.worker, attempt.due_at = self.dispatch.epoch, worker, None
        attempt.deadline_at = now + timedelta(seconds=stage.definition.timeout)
        self.move(stage, Status.RUNNING, now, actor=worker)

    def get_stages_running_in(self, epoch: int) -> list[StageRun]:
        """The stages that run under this dispatch."""
        return [stage for stage in self.running if stage.current.epoch == epoch]

    def find_finished_attempts(self, holding: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Of the (stage, attempt) that a worker holds, those that are over here: nobody wants to hear of them any more."""
        running = {(stage.name, stage.current.number) for stage in self.running}
        return sorted(pair for pair in holding if pair not in running)

    @property
    def attempts_to_stop(self) -> list[tuple[str, int]]:
        """The (stage, attempt) that run under the open dispatch and that a person asked to be ended."""
        return [
            (stage.name, stage.current.number)
            for stage in self.get_stages_running_in(self.dispatch.epoch)
            if stage.current.stop_requested_at
        ]

    def collect_approval_values(self, stage: StageRun) -> dict[str, Any]:
        """What the approvals before a stage said, which it gets beside the run's parameters; of two that say the same, the later wins."""
        before: set[str] = set()
        left = list(stage.definition.needs)
        while left:
            name = left.pop()
            if name not in before:
                before.add(name)
                left += self.stages[name].definition.needs
        given: dict[str, Any] = {}
        for each in self.stages.values():
            decided = each.definition.kind is StageKind.APPROVAL and each.status is Status.COMPLETED
            if each.name in before and decided and isinstance(each.current.output, Mapping):
                given |= each.current.output
        return given

    @property
    def has_timed_out_attempt(self) -> bool:
        """True when an attempt under the open dispatch was failed for its timeout: its worker should look whether it still runs it."""
        attempts = (attempt for stage in self.stages.values() for attempt in stage.attempts)
        return self.dispatch.state is DispatchState.CLAIMED and any(
            attempt.epoch == self.dispatch.epoch and attempt.reason is Reason.TIMEOUT for attempt in attempts
        )

    def end_dispatch(self, now: datetime) -> bool:
        """Close the claimed dispatch unless something of it runs or can start; say whether it is closed."""
        if self.dispatch.state is not DispatchState.CLAIMED:
            return True
        if self.startable_stages or self.get_stages_running_in(self.dispatch.epoch):
            return False
        self._close_dispatch(EventType.DISPATCH_ENDED, now)
        return True

    def give_back_dispatch(self, now: datetime) -> None:
        """A worker that is leaving hands an unstarted rest on: the next dispatch is requested for it."""
        if self.dispatch.state is DispatchState.CLAIMED and not self.get_stages_running_in(self.dispatch.epoch):
            self._close_dispatch(EventType.DISPATCH_ENDED, now)
            self.propagate(now)

    # -- what happens to it ------------------------------------------------------------------------------------------

    def lose_dispatch(self, epoch: int, now: datetime) -> bool:
        """The lease ran out: what ran under it is lost (and retried if its stage allows), and what can start gets the next dispatch."""
        if self.dispatch.state is not DispatchState.CLAIMED or self.dispatch.epoch != epoch:
            return False
        lost = self.get_stages_running_in(epoch)
        self._close_dispatch(EventType.DISPATCH_LOST, now)
        for stage in lost:
            stage.current.error_message = "The worker stopped answering."
            self.move(stage, Status.LOST, now)
        self.propagate(now)
        return True

    def close_unclaimed_dispatch(self, epoch: int, now: datetime, why: str) -> bool:
        """The engine lost or refused the flow run of a dispatch nobody claimed: close it and request the next."""
        if self.dispatch.state is not DispatchState.REQUESTED or self.dispatch.epoch != epoch:
            return False
        self._close_dispatch(EventType.DISPATCH_CLOSED, now, why=why)
        self.propagate(now)
        return True

    def process_due(self, now: datetime) -> None:
        """Queue every retry whose time has come, and fail what passed its deadline without a worker's help."""
        for stage in self.stages.values():
            attempt = stage.current
            if stage.status is Status.WAITING and attempt.due_at and attempt.due_at <= now:
                self._due(stage, now)
            if self._is_overdue(stage, now):
                attempt.error_message = _overdue(stage)
                self.move(stage, Status.FAILED, now, reason=Reason.TIMEOUT)
        self.propagate(now)

    def _due(self, stage: StageRun, now: datetime) -> None:
        """A retry is queued; whoever is to approve is reminded, once."""
        if stage.current.reason is Reason.APPROVAL:
            stage.current.due_at = None
            self.record(EventType.STAGE_REMINDED, now, stage=stage, status=Status.WAITING)
        else:
            self._queue(stage, now)

    def _is_overdue(self, stage: StageRun, now: datetime) -> bool:
        overdue_at = self._overdue_at(stage)
        return overdue_at is not None and overdue_at <= now

    def _overdue_at(self, stage: StageRun) -> datetime | None:
        """When the stage fails unless something is heard; a running one is its worker's to end first, which gets a grace for it."""
        deadline = stage.current.deadline_at
        if stage.is_over or deadline is None:
            return None
        if not stage.definition.kind.runs_on_worker or stage.status is Status.QUEUED:
            return deadline
        return deadline + timedelta(seconds=TIMEOUT_GRACE) if stage.status is Status.RUNNING else None

    def next_due_at(self) -> datetime | None:
        """When `wake_due` next has something to do; None when nothing here waits for a time."""
        times: list[datetime] = []
        for stage in self.stages.values():
            attempt = stage.current
            if stage.status is Status.WAITING and attempt.due_at:
                times.append(attempt.due_at)
            elif (overdue_at := self._overdue_at(stage)) is not None:
                times.append(overdue_at)
        return min(times, default=None)

    def cancel(self, now: datetime, actor: str | None, why: str | None = None) -> None:
        """Stop the run: what does not run is cancelled now; what runs is killed by its worker. Conflict once it is over."""
        self.set_verdict(Status.CANCELLED, now, actor, why)

    def set_verdict(self, verdict: Status, now: datetime, actor: str | None, why: str | None = None) -> None:
        """End the run as `cancelled`, `failed` or `completed` as a whole; the verdict wins once every stage is terminal."""
        if self.is_over:
            raise Conflict("run_over", f"The run is over already: it is {self.status}.", {"status": self.status})
        if self.stop_requested_at is not None:
            return
        self.verdict = verdict
        self.stop_requested_at = now
        type = EventType.CANCEL_REQUESTED if verdict is Status.CANCELLED else EventType.VERDICT_GIVEN
        self.record(type, now, status=verdict, actor=actor, data={"message": why} if why else {})
        if self.dispatch.state is DispatchState.REQUESTED:
            self._close_dispatch(EventType.DISPATCH_CLOSED, now, why="the run was stopped")
        rest = Status.SKIPPED if verdict is Status.COMPLETED else Status.CANCELLED
        for stage in self.stages.values():
            at_once = stage.status in (Status.PENDING, Status.QUEUED, Status.WAITING) or stage.definition.kind is StageKind.EXTERNAL
            if at_once and not stage.is_over:
                self.move(stage, rest if stage.current.can_move(rest) else Status.CANCELLED, now, actor=actor)
        self.propagate(now)

    @property
    def unfinished_stages(self) -> list[StageRun]:
        return [stage for stage in self.stages.values() if not stage.is_over]


def _overdue(stage: StageRun) -> str:
    if stage.definition.kind is StageKind.EXTERNAL:
        return "No report came before the deadline."
    if stage.definition.kind is StageKind.APPROVAL:
        return "Nobody decided before the deadline."
    if stage.status is Status.QUEUED:
        return "No worker took it before the deadline."
    return "It ran past its timeout, and its worker did not end it."

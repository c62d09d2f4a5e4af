"""The aggregate Run: moves its stages, records events and requests dispatches. Callers pass the time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.concurrency.allocation import OpeningSlots
from domain.concurrency.slots import SLOT_TIMEOUT, SlotChange, SlotState
from domain.errors import Conflict, NotFound
from domain.flow_runs.flow_run import FlowRunChange
from domain.pipelines.definition import PipelineDefinition, StageKind
from domain.runs import run_flow_runs, run_slots
from domain.runs.active_time import get_seconds_between, waits_only_for_people
from domain.runs.approval_values import merge_approval_values
from domain.runs.attempt import Attempt
from domain.runs.deadlines import describe_missed_deadline, get_approval_reminder_at, get_next_due_at, is_due, is_past_deadline
from domain.runs.dispatch import Dispatch, DispatchState
from domain.runs.events import Event, EventType
from domain.runs.readiness import Readiness, compute_run_status, get_readiness
from domain.runs.run_name import RunName
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger


@dataclass(slots=True)
class Run:
    """One execution of a revision, loaded and stored as a whole under the lock of its row.

    `verdict` is the status that was given to the run as a whole, and `stop_requested_at` when. `new_events` are the events since the run
    was loaded; `new_dispatch` is the epoch of a dispatch requested since then, for the outbox. `slot_changes` are the last changes since
    then of the slots of the run (None) and of its stages, by position. `has_slot_news` is True from a change that may let a request be
    granted until the grant service is woken. `flow_run_changes` are the actions that flow runs need, by the position of the stage and the
    number of the attempt; `has_flow_run_news` is True from a change until the services are woken. `opening_slots` gives slots to the
    run while it opens. `over_limit` is True once the run or a stage of it took slots although none was free. `reopened_at` is when the
    run was last reopened after its end. `idle_seconds` is how long it was idle since its start (see `active_time`), and `idle_since` when
    the idle time began that has not ended.
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
    priority: int = 0
    slot_state: SlotState = SlotState.NONE
    over_limit: bool = False
    reopened_at: datetime | None = None
    idle_seconds: float = 0.0
    idle_since: datetime | None = None
    new_events: list[Event] = field(default_factory=list)
    new_dispatch: int | None = None
    slot_changes: dict[int | None, SlotChange] = field(default_factory=dict, compare=False)
    has_slot_news: bool = field(default=False, compare=False)
    flow_run_changes: dict[tuple[int, int], FlowRunChange] = field(default_factory=dict, compare=False)
    has_flow_run_news: bool = field(default=False, compare=False)
    opening_slots: OpeningSlots | None = field(default=None, compare=False, repr=False)

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
        priority: int | None = None,
        slots: OpeningSlots | None = None,
    ) -> "Run":
        """Return a new run: external stages wait for reports, stages without needs are queued, and a dispatch is requested for them.

        A run with concurrency limits takes its slots of `slots`, or waits for them. `priority` replaces that of the definition.
        """
        stages = {stage.name: StageRun(stage, [Attempt(1, now)]) for stage in definition.stages}
        priority = definition.priority if priority is None else priority
        run = cls(pipeline_id, definition, revision, number, trigger, parameters, now, stages, trace=trace or {}, priority=priority)
        data = {"trigger": trigger.kind, "number": number, "revision": revision}
        data |= {"repeats": trigger.repeats} if trigger.repeats else {}
        run.record(EventType.RUN_OPENED, now, actor=trigger.actor, data=data)
        for stage in stages.values():
            run.await_report(stage, now)
        run.opening_slots = slots
        run.propagate(now)
        run.opening_slots = None
        return run

    @property
    def name(self) -> str:
        """The name that people read and copy, such as `etl#12`."""
        return str(RunName(self.definition.name, self.number))

    @property
    def is_over(self) -> bool:
        return self.status.is_terminal

    @property
    def pool(self) -> str:
        return self.definition.pool

    @property
    def running(self) -> list[StageRun]:
        return [stage for stage in self.stages.values() if stage.status is Status.RUNNING]

    @property
    def startable_stages(self) -> list[StageRun]:
        """The queued stages that a worker can start, in the definition's order.

        There are none while the run is being stopped, and while as many flow runs are under way as stages may run at once.
        """
        if self.stop_requested_at is not None or run_flow_runs.count_submitted_stages(self) >= self.definition.parallelism:
            return []
        queued = [stage for stage in self.stages.values() if stage.status is Status.QUEUED and stage.current.reason is not Reason.LIMIT]
        return [stage for stage in queued if stage.definition.kind.runs_on_worker]

    @property
    def unfinished_stages(self) -> list[StageRun]:
        return [stage for stage in self.stages.values() if not stage.is_over]

    @property
    def records_processed(self) -> int | None:
        """The count of the last stage that reported one."""
        counts = [stage.current.records_processed for stage in self.stages.values() if stage.current.records_processed is not None]
        return counts[-1] if counts else None

    @property
    def has_only_progress_events(self) -> bool:
        """True if the new events are progress updates only."""
        return bool(self.new_events) and all(event.type is EventType.STAGE_PROGRESS for event in self.new_events)

    def get_stage(self, name: str) -> StageRun:
        """Return the stage of this name. Raises NotFound."""
        stage = self.stages.get(name)
        if stage is None:
            raise NotFound("stage", name, self.name)
        return stage

    def require_not_stopping(self) -> None:
        """Raise Conflict `run_ending` while the run is being stopped."""
        if self.stop_requested_at is not None and not self.is_over:
            raise Conflict("run_ending", "The run is stopping. Wait until it has ended.", {"status": self.status})

    # -- Moves and their consequences ----------------------------------------------------------------------------------

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
        """Add an event with the next sequence number. `attempt` defaults to the stage's current one."""
        self.last_seq += 1
        number = attempt if attempt is not None else stage.current.number if stage else None
        event = Event(self.last_seq, type, at, actor, stage.name if stage else None, number, status, data or {})
        self.new_events.append(event)
        return event

    def move(
        self,
        stage: StageRun,
        to: Status,
        now: datetime,
        *,
        reason: Reason | None = None,
        actor: str | None = None,
        message: str | None = None,
    ) -> None:
        """Move the stage's current attempt and record the move, with the message of a report that ends it. Call `propagate` afterwards."""
        attempt = stage.current
        if run_slots.occupies_slots(attempt.status, attempt.reason) and not run_slots.occupies_slots(to, reason):
            run_slots.release_stage_slots(self, stage, now)
        attempt.move(to, now, reason)
        if to.is_terminal:
            run_flow_runs.release_flow_run(self, stage)
        data = {
            key: value
            for key, value in (
                ("reason", reason),
                ("records_processed", attempt.records_processed if to.is_terminal else None),
                ("error_message", attempt.error_message if to.is_terminal else None),
                ("message", message if to.is_terminal else None),
                ("worker", attempt.worker if to is Status.RUNNING else None),
                ("due_at", attempt.due_at.isoformat() if attempt.due_at and to is Status.WAITING else None),
            )
            if value is not None
        }
        self.record(EventType.STAGE_MOVED, now, stage=stage, status=to, actor=actor, data=data)

    def propagate(self, now: datetime) -> None:
        """Apply the consequences of the last moves: retries, stages that became ready, the run's status, and a dispatch if one is needed.

        This happens in the transaction of the moves, so that no stage that can start is ever stored as `pending`.
        """
        if self.stop_requested_at is None:
            self._add_retries(now)
            while self._move_ready_stages(now):
                pass
            self._set_external_deadlines(now)
        run_slots.release_run_slots(self, now)
        run_flow_runs.request_flow_runs(self, now)
        self._update_status(now)
        if self.startable_stages and self.dispatch.state is DispatchState.NONE:
            self._request_dispatch(now)

    def await_report(self, stage: StageRun, now: datetime) -> None:
        """Let an external stage wait from the start: reports about it do not depend on its needs."""
        if stage.definition.kind is StageKind.EXTERNAL:
            self.move(stage, Status.WAITING, now, reason=Reason.EXTERNAL)

    def reopen(self, now: datetime, actor: str | None, data: Mapping[str, Any]) -> None:
        """Reopen a finished run for a retry or skip, without its verdict. Callers call `propagate` afterwards."""
        if not self.is_over:
            return
        if self.started_at is not None and self.finished_at is not None:
            self.idle_seconds += get_seconds_between(self.finished_at, now)
        self.verdict = self.stop_requested_at = self.finished_at = None
        self.status = Status.PENDING
        self.reopened_at = now
        self.record(EventType.RUN_REOPENED, now, actor=actor, data=data)

    def _add_retries(self, now: datetime) -> None:
        for stage in self.stages.values():
            if stage.should_retry():
                delay = timedelta(seconds=stage.definition.retry_delay)
                stage.attempts.append(Attempt(len(stage.attempts) + 1, now, due_at=now + delay))
                self.move(stage, Status.WAITING, now, reason=Reason.RETRY)
                if delay:
                    run_slots.acquire_run_slots(self, now)  # a run that was cancelled and reopened has none
                else:
                    self._queue(stage, now)

    def _move_ready_stages(self, now: datetime) -> bool:
        """Start the turn of stages that became ready, and skip those that never will be. Returns True if any moved."""
        moved = False
        for stage in self.stages.values():
            waits_for_needs = stage.status is Status.PENDING or (stage.status is Status.WAITING and stage.current.reason is Reason.EXTERNAL)
            if not waits_for_needs:
                continue
            readiness = get_readiness(stage, self.stages)
            if readiness is Readiness.UNREACHABLE:
                self.move(stage, Status.SKIPPED, now, reason=Reason.UPSTREAM)
                moved = True
            elif readiness is Readiness.READY and stage.status is Status.PENDING:
                self._queue_or_ask(stage, now)
                moved = True
        return moved

    def _set_external_deadlines(self, now: datetime) -> None:
        """Start the timeout of external stages whose needs are over."""
        for stage in self.stages.values():
            is_external = stage.definition.kind is StageKind.EXTERNAL and not stage.is_over
            if is_external and stage.current.deadline_at is None and get_readiness(stage, self.stages) is not Readiness.BLOCKED:
                run_slots.acquire_run_slots(self, now)
                timeout = SLOT_TIMEOUT if self.slot_state is SlotState.WAITING else stage.definition.timeout
                stage.current.deadline_at = now + timedelta(seconds=timeout)

    def _queue_or_ask(self, stage: StageRun, now: datetime) -> None:
        if stage.definition.kind is StageKind.APPROVAL:
            if stage.definition.hold:
                run_slots.acquire_run_slots(self, now)
            timeout = stage.definition.timeout
            stage.current.deadline_at = now + timedelta(seconds=timeout)
            stage.current.due_at = get_approval_reminder_at(timeout, now)
            self.move(stage, Status.WAITING, now, reason=Reason.APPROVAL)
        else:
            self._queue(stage, now)

    def _queue(self, stage: StageRun, now: datetime) -> None:
        has_slots = run_slots.acquire_stage_slots(self, stage, now)
        stage.current.due_at = None
        stage.current.deadline_at = run_slots.get_queue_deadline(now, has_slots)
        self.move(stage, Status.QUEUED, now, reason=None if has_slots else Reason.LIMIT)

    def _update_status(self, now: datetime) -> None:
        if self.running and self.started_at is None:
            self.started_at = now
        waits_for_slots = self.slot_state is SlotState.WAITING
        status = compute_run_status(self.stages.values(), self.verdict, self.started_at is not None, waits_for_slots)
        self._update_idle(status, now)
        if status is self.status:
            return
        self.status = status
        if status.is_terminal:
            self.finished_at = now
        self.record(EventType.RUN_MOVED, now, status=status)

    def _update_idle(self, status: Status, now: datetime) -> None:
        """Begin or end the time in which the run, which gets this status, waits only for people."""
        is_idle = self.started_at is not None and waits_only_for_people(status, self.stages)
        if is_idle and self.idle_since is None:
            self.idle_since = now
        elif not is_idle and self.idle_since is not None:
            self.idle_seconds += get_seconds_between(self.idle_since, now)
            self.idle_since = None

    # -- Slots ---------------------------------------------------------------------------------------------------------

    def grant(self, position: int | None, now: datetime, *, over_limit: bool = False, actor: str | None = None) -> None:
        """Give the run, or its stage at this position, the slots that it waits for. Raises Conflict `not_limited`."""
        run_slots.grant_slots(self, position, now, over_limit, actor)

    def holds_slot_for(self, stage: StageRun) -> bool:
        """Return True if the stage runs under slots: its own, or those of its run."""
        return self.slot_state is SlotState.HELD or bool(stage.definition.uses)

    # -- Dispatches ----------------------------------------------------------------------------------------------------

    def claim(self, epoch: int, worker: str, now: datetime) -> None:
        """Give the requested dispatch to this worker. Raises Conflict `dispatch_gone`; the holder may claim again."""
        if self.dispatch.is_held_by(worker, epoch):
            return
        if self.dispatch.state is not DispatchState.REQUESTED or self.dispatch.epoch != epoch or self.stop_requested_at is not None:
            facts = {"state": self.dispatch.state, "epoch": self.dispatch.epoch}
            raise Conflict("dispatch_gone", f"Dispatch {epoch} of run {self.id} can no longer be claimed.", facts)
        self.dispatch = Dispatch(DispatchState.CLAIMED, epoch, worker)
        self.record(EventType.DISPATCH_CLAIMED, now, actor=worker, data={"dispatch": epoch})

    def start_ready_stages(self, capacity: int, worker: str, now: datetime) -> list[StageRun]:
        """Start at most `capacity` queued stages on the worker that holds the dispatch, within the run's parallelism."""
        room = min(capacity, self.definition.parallelism - run_flow_runs.count_active_stages(self))
        started = self.startable_stages[: max(0, room)]
        for stage in started:
            self.start_stage(stage, worker, now)
        if started:
            self._update_status(now)
        return started

    def start_stage(self, stage: StageRun, worker: str, now: datetime) -> None:
        """Start a stage on the worker that holds the dispatch."""
        attempt = stage.current
        attempt.epoch, attempt.worker, attempt.due_at = self.dispatch.epoch, worker, None
        attempt.deadline_at = now + timedelta(seconds=stage.definition.timeout)
        self.move(stage, Status.RUNNING, now, actor=worker)

    def end_dispatch(self, now: datetime) -> bool:
        """Close the claimed dispatch unless a stage of it runs or can start. Returns True if no dispatch is claimed afterwards."""
        if self.dispatch.state is not DispatchState.CLAIMED:
            return True
        if self.startable_stages or self.get_stages_running_in(self.dispatch.epoch):
            return False
        self._close_dispatch(EventType.DISPATCH_ENDED, now)
        return True

    def give_back_dispatch(self, now: datetime) -> None:
        """Close the dispatch of a worker that shuts down, if nothing of it runs, and request the next one for the stages left."""
        if self.dispatch.state is DispatchState.CLAIMED and not self.get_stages_running_in(self.dispatch.epoch):
            self._close_dispatch(EventType.DISPATCH_ENDED, now)
            self.propagate(now)

    def lose_dispatch(self, epoch: int, now: datetime) -> bool:
        """Close a dispatch whose lease expired: its running stages are lost. Returns False if it is not open any more."""
        if self.dispatch.state is not DispatchState.CLAIMED or self.dispatch.epoch != epoch:
            return False
        lost = self.get_stages_running_in(epoch)
        self._close_dispatch(EventType.DISPATCH_LOST, now)
        for stage in lost:
            stage.current.error_message = "The worker stopped responding."
            self.move(stage, Status.LOST, now)
        self.propagate(now)
        return True

    def close_unclaimed_dispatch(self, epoch: int, now: datetime, why: str) -> bool:
        """Close a requested dispatch whose flow run is gone, and request the next one. Returns False if it is not open any more."""
        if self.dispatch.state is not DispatchState.REQUESTED or self.dispatch.epoch != epoch:
            return False
        self._close_dispatch(EventType.DISPATCH_CLOSED, now, why=why)
        self.propagate(now)
        return True

    def get_stages_running_in(self, epoch: int) -> list[StageRun]:
        """Return the stages that run in this dispatch."""
        return [stage for stage in self.running if stage.current.epoch == epoch]

    def find_finished_attempts(self, holding: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Return those of the (stage, attempt) pairs of a worker that no longer run here."""
        running = {(stage.name, stage.current.number) for stage in self.running}
        return sorted(pair for pair in holding if pair not in running)

    @property
    def attempts_to_stop(self) -> list[tuple[str, int]]:
        """The (stage, attempt) pairs of the open dispatch that a person cancelled while they were running."""
        stages = self.get_stages_running_in(self.dispatch.epoch)
        return [(stage.name, stage.current.number) for stage in stages if stage.current.stop_requested_at]

    @property
    def has_timed_out_attempt(self) -> bool:
        """True if an attempt of the open dispatch failed at its deadline here, so that its worker may still run it."""
        attempts = (attempt for stage in self.stages.values() for attempt in stage.attempts)
        return self.dispatch.state is DispatchState.CLAIMED and any(
            attempt.epoch == self.dispatch.epoch and attempt.reason is Reason.TIMEOUT for attempt in attempts
        )

    def collect_approval_values(self, stage: StageRun) -> dict[str, Any]:
        """Return the values of all approvals before the stage, which it gets as parameters. Later approvals override earlier ones."""
        completed = [each for each in self.stages.values() if each.status is Status.COMPLETED]
        approved = {each.name: each.current.output for each in completed if each.definition.kind is StageKind.APPROVAL}
        needs = {each.name: each.definition.needs for each in self.stages.values()} if approved else {}
        return merge_approval_values(stage.name, needs, approved)

    def _request_dispatch(self, now: datetime) -> None:
        self.dispatch = Dispatch(DispatchState.REQUESTED, self.dispatch.epoch + 1)
        self.new_dispatch = self.dispatch.epoch
        data = {"dispatch": self.dispatch.epoch, "pool": self.pool} | ({"priority": self.priority} if self.priority else {})
        self.record(EventType.DISPATCH_REQUESTED, now, data=data)

    def _close_dispatch(self, type: EventType, now: datetime, **data: Any) -> None:
        holder = self.dispatch.holder
        self.dispatch = Dispatch(DispatchState.NONE, self.dispatch.epoch)
        self.record(type, now, actor=holder, data={"dispatch": self.dispatch.epoch, **data})

    # -- Time and cancellation -----------------------------------------------------------------------------------------

    def process_due(self, now: datetime, *, with_deadlines: bool = True) -> None:
        """Queue the retries that are due, remind people of approvals, and fail the stages that are past their deadline.

        Without deadlines no stage fails: reports about it may have been held up.
        """
        for stage in self.stages.values():
            if is_due(stage, now):
                self._process_due_stage(stage, now)
            if with_deadlines and is_past_deadline(stage, now):
                self._end_at_deadline(stage, now)
        self.propagate(now)

    def _end_at_deadline(self, stage: StageRun, now: datetime) -> None:
        if stage.current.stop_requested_at is not None and run_flow_runs.is_submitted(stage):
            self.move(stage, Status.CANCELLED, now)
            return
        stage.current.error_message = describe_missed_deadline(stage, run_waits_for_slots=self.slot_state is SlotState.WAITING)
        self.move(stage, Status.FAILED, now, reason=Reason.TIMEOUT)

    def next_due_at(self) -> datetime | None:
        """Return when `process_due` has something to do next; None if nothing waits for a time."""
        return min((due_at for stage in self.stages.values() if (due_at := get_next_due_at(stage)) is not None), default=None)

    def cancel(self, now: datetime, actor: str | None, why: str | None = None) -> None:
        """Cancel the stages that do not run, and have workers stop those that do. Raises Conflict `run_over`."""
        self.set_verdict(Status.CANCELLED, now, actor, why)

    def set_verdict(self, verdict: Status, now: datetime, actor: str | None, why: str | None = None) -> None:
        """End the run as a whole as `cancelled`, `failed` or `completed`. It gets that status once all stages are over.

        Raises Conflict `run_over`.
        """
        if self.is_over:
            raise Conflict("run_over", f"The run has already ended: it is {self.status}.", {"status": self.status})
        if self.stop_requested_at is not None:
            return
        self.verdict = verdict
        self.stop_requested_at = now
        type = EventType.CANCEL_REQUESTED if verdict is Status.CANCELLED else EventType.VERDICT_GIVEN
        self.record(type, now, status=verdict, actor=actor, data={"message": why} if why else {})
        if self.dispatch.state is DispatchState.REQUESTED:
            self._close_dispatch(EventType.DISPATCH_CLOSED, now, why="the run was stopped")
        end = Status.SKIPPED if verdict is Status.COMPLETED else Status.CANCELLED
        for stage in self.unfinished_stages:
            if run_flow_runs.request_stop(self, stage, now):
                continue
            if stage.status is not Status.RUNNING or not stage.definition.kind.runs_on_worker:
                self.move(stage, end if stage.current.can_move(end) else Status.CANCELLED, now, actor=actor)
        self.propagate(now)

    def supersede(self, next_number: int, now: datetime) -> None:
        """End the run, as a report opened the next one: the stages that have not ended are lost."""
        for stage in self.unfinished_stages:
            stage.current.error_message = f"Run {next_number} began before the end of this stage was reported."
            self.move(stage, Status.LOST, now, reason=Reason.SUPERSEDED)
        self.propagate(now)

    def _process_due_stage(self, stage: StageRun, now: datetime) -> None:
        """Queue a retry, or remind people of an approval, once."""
        if stage.current.reason is Reason.APPROVAL:
            stage.current.due_at = None
            self.record(EventType.STAGE_REMINDED, now, stage=stage, status=Status.WAITING)
        else:
            self._queue(stage, now)

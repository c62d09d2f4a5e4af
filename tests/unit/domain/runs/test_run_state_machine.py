"""A run under random operations in random order. The invariants hold after each of them."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.access.actor import Actor
from domain.concurrency.slots import SlotState
from domain.errors import Conflict
from domain.flow_runs.flow_run import FlowRunChange, FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.pipelines.definition import OnCancel, StageCondition, StageKind
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter, ReportOutcome
from domain.runs.active_time import get_active_seconds, get_idle_seconds
from domain.runs.approvals import Decision, decide_approval
from domain.runs.attempt import REPORTABLE_FIELDS, Attempt
from domain.runs.deadlines import is_due
from domain.runs.dispatch import DispatchState
from domain.runs.events import EventType
from domain.runs.readiness import Readiness, compute_run_status, get_readiness
from domain.runs.retry import retry_failed, retry_stages
from domain.runs.run import Run
from domain.runs.run_flow_runs import (
    count_active_stages,
    fail_request,
    is_submitted,
    lose_flow_run,
    note_problem,
    observe_flow_run,
    record_created,
)
from domain.runs.run_slots import find_waiting_positions, is_waiting_for_slots, occupies_slots, waits_for_slots
from domain.runs.stage_actions import cancel_stage, skip_stage
from domain.runs.stage_run import StageRun
from domain.runs.status import REPORTABLE_STATUSES, Reason, Status
from tests.support.builders import NOW, a_run, a_stage

WORKERS = ("w1", "w2")
PERSON = Actor("mara")
COUNTS = st.none() | st.integers(0, 9)
MESSAGES = st.none() | st.just("ü")
FLOW_STATES = {
    "Scheduled": FlowState.SCHEDULED,
    "Late": FlowState.SCHEDULED,
    "AwaitingRetry": FlowState.SCHEDULED,
    "Pending": FlowState.PENDING,
    "Running": FlowState.RUNNING,
    "Paused": FlowState.PAUSED,
    "Cancelling": FlowState.CANCELLING,
    "Completed": FlowState.COMPLETED,
    "Failed": FlowState.FAILED,
    "TimedOut": FlowState.FAILED,
    "Crashed": FlowState.CRASHED,
    "Cancelled": FlowState.CANCELLED,
}


@st.composite
def stage_lists(draw: st.DrawFn) -> list[dict[str, object]]:
    """Some lists are of stages that start at the same time, so that they compete for the run's parallelism."""
    stages: list[dict[str, object]] = []
    is_flat = draw(st.booleans())
    kinds = ["prefect", "command"] if is_flat else ["command", "command", "external", "approval", "prefect", "prefect"]
    for index in range(draw(st.integers(3, 5) if is_flat else st.integers(1, 5))):
        names = [str(stage["name"]) for stage in stages if not is_flat]
        kind = draw(st.sampled_from(kinds))
        own: dict[str, object] = {
            "needs": draw(st.lists(st.sampled_from(names), unique=True)) if names else [],
            "allow_failure": draw(st.booleans()),
            "when": draw(st.sampled_from(StageCondition)).value,
        }
        if kind == "approval":
            own["hold"] = draw(st.booleans())
        if kind == "prefect":
            own["on_cancel"] = draw(st.sampled_from(OnCancel)).value
        if kind in ("command", "prefect"):
            own |= {
                "retries": draw(st.integers(0, 2)),
                "retry_delay": draw(st.sampled_from([0, 30])),
                "retry_on_loss": draw(st.booleans()),
                "uses": draw(st.sampled_from([[], [], ["disk"], ["disk", "web"]])),
            }
        stages.append(a_stage(f"s{index}", kind, **own))
    return stages


def bare(run: Run) -> Run:
    """Return the run without its events and without the details that progress updates change."""
    copy = replace(deepcopy(run), last_seq=0, new_events=[])
    for stage in copy.stages.values():
        for attempt in stage.attempts:
            for name in REPORTABLE_FIELDS:
                setattr(attempt, name, None)
    return copy


class RunMachine(RuleBasedStateMachine):
    run: Run

    @initialize(stages=stage_lists(), parallelism=st.integers(1, 3), limits=st.sampled_from([[], [{"limit": 1}]]))
    def open(self, stages: list[dict[str, object]], parallelism: int, limits: list[dict[str, object]]) -> None:
        self.now: datetime = NOW
        self.run = a_run(stages, parallelism=parallelism, concurrency=limits)
        self.before = deepcopy(self.run)
        self.ends: dict[tuple[str, int], Status] = {}
        self.left: dict[tuple[str, int], bool] = {}
        self.seen: dict[int, dict[str, list[Attempt]]] = {}

    def pass_time(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    @rule(worker=st.sampled_from(WORKERS), back=st.integers(0, 1))
    def claim(self, worker: str, back: int) -> None:
        before = self.run.dispatch
        is_there = before.state is DispatchState.REQUESTED and not back and self.run.stop_requested_at is None
        try:
            self.run.claim(before.epoch - back, worker, self.now)
        except Conflict:
            assert not is_there
        else:
            assert is_there or before.is_held_by(worker, before.epoch - back)

    @precondition(lambda self: self.run.dispatch.holder is not None)
    @rule(capacity=st.integers(0, 3))
    def start(self, capacity: int) -> None:
        assert self.run.dispatch.holder is not None
        chosen = self.run.start_ready_stages(capacity, self.run.dispatch.holder, self.pass_time(1))
        assert len(chosen) <= capacity

    @precondition(lambda self: self.run.dispatch.holder is not None)
    @rule(data=st.data(), status=st.sampled_from(sorted(REPORTABLE_STATUSES)), details=st.tuples(COUNTS, MESSAGES))
    def report_by_holder(self, data: st.DataObject, status: Status, details: tuple[int | None, str | None]) -> None:
        holder = Reporter(self.run.dispatch.holder, self.run.dispatch.holder, self.run.dispatch.epoch)
        stage = data.draw(st.sampled_from(sorted(self.run.stages)))
        attempt = data.draw(st.sampled_from([None, 1, self.run.stages[stage].current.number]))
        if status is Status.RUNNING and self.is_full():
            return
        self.judge_report(Report(status, stage, attempt, details[0], message=details[1]), holder)

    @rule(data=st.data(), status=st.sampled_from(sorted(REPORTABLE_STATUSES)), output=st.sampled_from([None, 1, {"rows": [2]}]))
    def report_by_stranger(self, data: st.DataObject, status: Status, output: object) -> None:
        stage = data.draw(st.sampled_from([*sorted(self.run.stages), None]))
        self.judge_report(Report(status, stage, message="on the way" if stage is None else None, output=output), Reporter("ci"))

    def judge_report(self, report: Report, reporter: Reporter) -> None:
        before, seq = self.statuses(), self.run.last_seq
        decision = judge_report(self.run, report, reporter, None, self.pass_time(1))
        if decision.applied:
            assert decision.seq is not None and decision.seq > seq
        else:
            assert decision.why
            assert self.statuses() == before
        assert (decision.problem is not None) == (decision.outcome is ReportOutcome.REFUSED)

    @precondition(lambda self: find_waiting_positions(self.run))
    @rule(data=st.data())
    def grant(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(find_waiting_positions(self.run)))
        self.run.grant(position, self.pass_time(1))
        assert self.run.slot_changes[position].state is SlotState.HELD
        assert not waits_for_slots(self.run, position)

    @precondition(lambda self: self.attempts_with_flow_runs())
    @rule(data=st.data(), act=st.sampled_from(["create", "note", "observe", "observe", "observe", "lose", "fail"]))
    def prefect_acts(self, data: st.DataObject, act: str) -> None:
        """Prefect creates, moves or loses any flow run, also that of an attempt that is over."""
        name, number = data.draw(st.sampled_from(self.attempts_with_flow_runs()))
        attempt, now = self.run.stages[name].attempts[number - 1], self.pass_time(1)
        was_over, before = attempt.status.is_terminal, attempt.status
        match act:
            case "create":
                record_created(self.run, name, number, f"{name}-{number}", now)
            case "note":
                note_problem(self.run, name, number, data.draw(st.sampled_from([None, "pool k8s has no worker"])), now)
            case "lose":
                lose_flow_run(self.run, name, number, now)
            case "fail":
                fail_request(self.run, name, number, "There is no deployment ml/train.", now)
            case _:
                state = data.draw(st.sampled_from(sorted(FLOW_STATES)))
                seen = FlowRunObservation(FLOW_STATES[state], state, run_seconds=data.draw(st.sampled_from([0.0, 0.5])), output=1)
                observe_flow_run(self.run, name, number, seen, now)
        assert not was_over or attempt.status is before

    def attempts_with_flow_runs(self) -> list[tuple[str, int]]:
        attempts = [(name, attempt) for name, stage in sorted(self.run.stages.items()) for attempt in stage.attempts]
        return [(name, attempt.number) for name, attempt in attempts if attempt.flow_run is not None]

    @rule()
    def lose_dispatch(self) -> None:
        self.run.lose_dispatch(self.run.dispatch.epoch, self.pass_time(20))

    @rule()
    def close_unclaimed_dispatch(self) -> None:
        self.run.close_unclaimed_dispatch(self.run.dispatch.epoch, self.pass_time(60), "gone")

    @rule()
    def end_dispatch(self) -> None:
        could = not self.run.startable_stages and not self.run.get_stages_running_in(self.run.dispatch.epoch)
        assert self.run.end_dispatch(self.now) is (
            could or self.run.dispatch.state is not DispatchState.CLAIMED or not self.run.dispatch.holder
        )

    @rule()
    def give_back_dispatch(self) -> None:
        self.run.give_back_dispatch(self.pass_time(1))

    @rule(seconds=st.sampled_from([0, 1, 30, 3_600, 90_000, 700_000]))
    def process_due(self, seconds: float) -> None:
        now = self.pass_time(seconds)
        self.run.process_due(now)
        due = self.run.next_due_at()
        assert due is None or due > now

    @rule(seconds=st.sampled_from([0, 1, 30, 3_600, 90_000, 700_000]))
    def process_due_without_deadlines(self, seconds: float) -> None:
        now, failed = self.pass_time(seconds), self._count_failed_attempts()
        self.run.process_due(now, with_deadlines=False)
        assert self._count_failed_attempts() == failed
        assert not any(is_due(stage, now) for stage in self.run.stages.values())

    def _count_failed_attempts(self) -> int:
        return sum(attempt.status is Status.FAILED for stage in self.run.stages.values() for attempt in stage.attempts)

    @rule(often=st.integers(0, 5))
    def cancel(self, often: int) -> None:
        if often:
            return
        try:
            self.run.cancel(self.pass_time(1), "ada")
        except Conflict:
            assert self.run.is_over

    @rule(data=st.data(), act=st.sampled_from(["retry", "retry failed", "skip", "cancel", "approve", "reject"]))
    def a_person_acts(self, data: st.DataObject, act: str) -> None:
        stage = data.draw(st.sampled_from(sorted(self.run.stages)))
        seq, before, now = self.run.last_seq, self.statuses(), self.pass_time(1)
        try:
            match act:
                case "retry":
                    retry_stages(self.run, [stage], now, PERSON)
                case "retry failed":
                    retry_failed(self.run, now, PERSON)
                case "skip":
                    skip_stage(self.run, stage, now, PERSON, None)
                case "cancel":
                    cancel_stage(self.run, stage, now, PERSON, None)
                case _:
                    decide_approval(self.run, stage, Decision(act == "approve"), now, PERSON)
        except Conflict:
            assert (self.run.last_seq, self.statuses()) == (seq, before), "what is refused changes nothing"

    def running_on_workers(self) -> list[StageRun]:
        return [stage for stage in self.run.running if stage.definition.kind.runs_on_worker]

    def is_full(self) -> bool:
        return count_active_stages(self.run) >= self.run.definition.parallelism

    def statuses(self) -> dict[str, list[Status]]:
        return {name: [attempt.status for attempt in stage.attempts] for name, stage in self.run.stages.items()}

    @invariant()
    def events_are_numbered_without_gaps(self) -> None:
        assert [event.seq for event in self.run.new_events] == list(range(1, self.run.last_seq + 1))

    @invariant()
    def nothing_of_an_attempt_changes_without_an_event(self) -> None:
        """Caches by run id and last event, such as the board and the entity tags, depend on this."""
        now = {name: deepcopy(stage.attempts) for name, stage in self.run.stages.items()}
        assert self.seen.setdefault(self.run.last_seq, now) == now

    @invariant()
    def progress_changes_nothing_but_details(self) -> None:
        """Storing only the details of such a run depends on this."""
        since = replace(self.run, new_events=self.run.new_events[len(self.before.new_events) :])
        if since.has_only_progress_events:
            assert bare(self.run) == bare(self.before)
        self.before = deepcopy(self.run)

    @invariant()
    def an_end_is_final(self) -> None:
        for name, stage in self.run.stages.items():
            for attempt in stage.attempts:
                if attempt.status.is_terminal:
                    assert self.ends.setdefault((name, attempt.number), attempt.status) is attempt.status
                    assert attempt.finished_at is not None
                else:
                    assert (name, attempt.number) not in self.ends
                    assert attempt is stage.current

    @invariant()
    def no_startable_stage_is_pending(self) -> None:
        if self.run.stop_requested_at is None:
            for stage in self.run.stages.values():
                assert stage.status is not Status.PENDING or get_readiness(stage, self.run.stages) is Readiness.BLOCKED
        assert all(stage.status is not Status.PENDING for stage in self.run.stages.values()) or not self.run.is_over

    @invariant()
    def the_runs_status_is_the_function_of_its_stages(self) -> None:
        run = self.run
        waits = run.slot_state is SlotState.WAITING
        assert run.status is compute_run_status(run.stages.values(), run.verdict, run.started_at is not None, waits)
        assert (run.finished_at is not None) == run.is_over

    @invariant()
    def idle_and_active_time_add_up_to_the_time_since_the_start(self) -> None:
        run = self.run
        idle, active = get_idle_seconds(run, self.now), get_active_seconds(run, self.now)
        assert run.idle_seconds >= 0
        assert run.idle_since is None or (run.started_at is not None and run.finished_at is None)
        if active is None or run.started_at is None:
            assert (idle, active) == (0.0, None)
        else:
            elapsed = ((run.finished_at or self.now) - run.started_at).total_seconds()
            assert 0 <= active <= elapsed + 1e-6
            assert abs(idle + active - elapsed) < 1e-6

    @invariant()
    def a_run_is_idle_only_while_people_are_waited_for(self) -> None:
        run = self.run
        can_go_on = [stage for stage in run.unfinished_stages if stage.status in (Status.QUEUED, Status.RUNNING)]
        asked = [stage for stage in run.unfinished_stages if stage.current.reason in (Reason.APPROVAL, Reason.PAUSED)]
        assert run.idle_since is None or (asked and not can_go_on)

    @invariant()
    def what_can_start_has_a_dispatch_and_what_runs_has_a_holder(self) -> None:
        run = self.run
        if run.startable_stages:
            assert run.dispatch.state is not DispatchState.NONE
        for stage in run.running:
            if stage.definition.kind.runs_on_worker:
                assert run.dispatch.is_held_by(stage.current.worker or "", stage.current.epoch or 0)

    @invariant()
    def stages_run_under_their_slots_only(self) -> None:
        run = self.run
        stored = {position: change.state for position, change in run.slot_changes.items() if change.state is not SlotState.NONE}
        is_limited = bool(run.definition.concurrency)
        for position, stage in enumerate(run.stages.values()):
            has_turn = stage.definition.kind.has_retries and occupies_slots(stage.status, stage.current.reason)
            if has_turn and is_waiting_for_slots(stage):
                assert run.slot_state is SlotState.WAITING or stored.get(position) is SlotState.WAITING
            elif has_turn:
                assert run.slot_state is (SlotState.HELD if is_limited and run.stop_requested_at is None else run.slot_state)
                assert stored.get(position) is (SlotState.HELD if stage.definition.uses else None)
            else:
                assert position not in stored, "a stage that does not have its turn neither holds a slot nor waits for one"

    @invariant()
    def a_run_keeps_its_slots_while_anything_but_approvals_can_go_on(self) -> None:
        run = self.run
        stored = run.slot_changes[None].state if None in run.slot_changes else SlotState.NONE
        assert stored is (run.slot_state if run.slot_state in (SlotState.HELD, SlotState.WAITING) else SlotState.NONE)
        assert run.slot_state is SlotState.NONE or not run.is_over
        if not run.definition.concurrency or run.is_over or run.stop_requested_at is not None:
            return
        asked = [stage for stage in run.stages.values() if stage.current.reason is Reason.APPROVAL]
        others = [
            stage
            for stage in run.unfinished_stages
            if stage not in asked and not (stage.status in (Status.PENDING, Status.WAITING) and self._is_blocked(stage))
        ]
        needs_slots = bool(others) or any(stage.definition.hold for stage in asked)
        assert needs_slots is (run.slot_state in (SlotState.HELD, SlotState.WAITING))

    def _is_blocked(self, stage: StageRun) -> bool:
        return stage.current.reason is not Reason.RETRY and get_readiness(stage, self.run.stages) is Readiness.BLOCKED

    @invariant()
    def dispatches_are_opened_one_after_the_other(self) -> None:
        opened = 0
        for event in self.run.new_events:
            if event.type is EventType.DISPATCH_REQUESTED:
                assert opened == 0
                opened = 1
            elif event.type in (EventType.DISPATCH_ENDED, EventType.DISPATCH_LOST, EventType.DISPATCH_CLOSED):
                assert opened == 1
                opened = 0
        assert (self.run.dispatch.state is not DispatchState.NONE) == bool(opened)

    @invariant()
    def no_attempt_starts_twice(self) -> None:
        starts = [(e.stage, e.attempt) for e in self.run.new_events if e.type is EventType.STAGE_MOVED and e.status is Status.RUNNING]
        starts = [each for each in starts if self.run.stages[each[0] or ""].definition.kind is not StageKind.PREFECT]
        assert len(starts) == len(set(starts))

    @invariant()
    def retries_are_counted(self) -> None:
        for stage in self.run.stages.values():
            own = 0
            for attempt in stage.attempts:
                own = 1 if attempt.by_person else own + 1
                assert own <= 1 + stage.definition.retries

    @invariant()
    def no_more_run_at_once_than_the_definition_allows(self) -> None:
        submitted = [stage for stage in self.run.stages.values() if is_submitted(stage)]
        assert len(self.running_on_workers()) + len(submitted) <= self.run.definition.parallelism

    @invariant()
    def a_flow_run_is_requested_only_for_a_stage_that_has_its_turn_and_its_slots(self) -> None:
        free = self.run.definition.parallelism - count_active_stages(self.run)
        for stage in self.run.stages.values():
            is_prefect = stage.definition.kind is StageKind.PREFECT
            assert is_prefect or all(attempt.flow_run is None for attempt in stage.attempts)
            if not is_prefect or stage.is_over:
                continue
            waits = stage.status in (Status.PENDING, Status.QUEUED) and stage.current.flow_run is None
            assert not (waits and stage.current.started_at)
            if stage.status is Status.PENDING or is_waiting_for_slots(stage) or stage.current.reason is Reason.RETRY:
                assert stage.current.flow_run is None
            elif stage.current.flow_run is None:
                assert free <= 0 or self.run.stop_requested_at is not None, "its flow run can be requested"

    @invariant()
    def the_last_change_of_a_flow_run_fits_its_attempt(self) -> None:
        """An attempt that is over has a flow run that is cancelled, forgotten or over, and only stopped ones are cancelled before.

        A stage leaves its flow run if Prefect had created it when the attempt ended. What Prefect says later does not change that.
        """
        for position, stage in enumerate(self.run.stages.values()):
            for attempt in stage.attempts:
                change = self.run.flow_run_changes.get((position, attempt.number))
                assert (change is None) == (attempt.flow_run is None)
                if attempt.flow_run is None:
                    continue
                if attempt.status.is_terminal:
                    assert change is not FlowRunChange.CREATE
                    leaves = attempt.status in (Status.CANCELLED, Status.SKIPPED) and stage.definition.on_cancel is OnCancel.LEAVE
                    is_left = self.left.setdefault((stage.name, attempt.number), leaves and attempt.flow_run.id is not None)
                    assert change is FlowRunChange.FORGET or not (is_left or attempt.flow_run.is_over)
                else:
                    assert change is (FlowRunChange.CREATE if attempt.stop_requested_at is None else FlowRunChange.CANCEL)

    @invariant()
    def a_run_that_is_not_over_has_a_next_step(self) -> None:
        if self.run.is_over:
            return
        assert any(self.has_next_step(stage) for stage in self.run.stages.values())

    def has_next_step(self, stage: StageRun) -> bool:
        """Return True if a lease, a dispatch or a time will move the stage on."""
        attempt = stage.current
        if stage.definition.kind is StageKind.EXTERNAL:
            return not stage.is_over and attempt.deadline_at is not None
        if stage.definition.kind is StageKind.PREFECT and attempt.flow_run is not None:
            return not stage.is_over and attempt.deadline_at is not None
        if stage.status is Status.RUNNING:
            return self.run.dispatch.holder is not None and attempt.deadline_at is not None
        if stage.status is Status.QUEUED:
            is_full = count_active_stages(self.run) >= self.run.definition.parallelism
            has_turn = self.run.dispatch.state is not DispatchState.NONE or is_waiting_for_slots(stage) or is_full
            return has_turn and attempt.deadline_at is not None
        if stage.status is Status.WAITING and stage.definition.kind is StageKind.APPROVAL:
            return attempt.deadline_at is not None
        return stage.status is Status.WAITING and attempt.due_at is not None


RunMachine.TestCase.settings = settings(deadline=None, max_examples=120, stateful_step_count=30)
test_a_run_keeps_its_rules_whatever_happens = RunMachine.TestCase


def test_the_rules_hold_for_a_flow_run_that_is_created_only_after_its_stage_was_cancelled() -> None:
    """Random runs reach this rarely: the stage leaves its flow run, which Prefect creates and reports only after the cancellation."""
    machine = RunMachine()
    machine.open([a_stage("s0", "prefect", needs=[], on_cancel="leave")], 1, [])

    machine.judge_report(Report(Status.CANCELLED, None), Reporter("ci"))
    machine.the_last_change_of_a_flow_run_fits_its_attempt()
    record_created(machine.run, "s0", 1, "f-1", machine.pass_time(1))
    machine.the_last_change_of_a_flow_run_fits_its_attempt()
    observe_flow_run(machine.run, "s0", 1, FlowRunObservation(FlowState.SCHEDULED, "AwaitingRetry"), machine.pass_time(1))
    machine.the_last_change_of_a_flow_run_fits_its_attempt()

    assert machine.run.flow_run_changes == {(0, 1): FlowRunChange.CANCEL}

"""Several runs share buckets under random operations. A model of the store applies their slot changes, as the repositories do."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.access.actor import Actor
from domain.concurrency.allocation import Allocation, BucketState, OpeningSlots
from domain.concurrency.bucket import Bucket, get_run_buckets, get_stage_buckets
from domain.concurrency.slots import SlotChange, SlotRequest, SlotState
from domain.errors import Conflict
from domain.pipelines.definition import PipelineDefinition
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.approvals import Decision, decide_approval
from domain.runs.dispatch import DispatchState
from domain.runs.retry import retry_failed, retry_stages
from domain.runs.run import Run
from domain.runs.run_slots import find_waiting_positions, get_buckets, waits_for_slots
from domain.runs.stage_actions import cancel_stage, skip_stage
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from tests.support.builders import NOW, a_definition, a_stage

PERSON = Actor("mara")
GROUP, KEY, OWN = {"group": "disk", "limit": 2}, {"key": {"parameter": "customer"}, "limit": 1}, {"limit": 2}
DEFINITIONS: tuple[PipelineDefinition, ...] = (
    a_definition("one", [a_stage("a", retries=1), a_stage("b", retry_delay=30, retries=1)], concurrency=[{"limit": 1}], priority=5),
    a_definition("key", [a_stage("ask", "approval"), a_stage("a"), a_stage("ask2", "approval", hold=True), "b"], concurrency=[OWN, KEY]),
    a_definition("group", [a_stage("a"), a_stage("far", "external", needs=["a"])], concurrency=[GROUP]),
    a_definition("uses", [a_stage("a", uses=["disk"], needs=[]), a_stage("b", uses=["web", "disk"], needs=[], retries=1), "c"]),
    a_definition("free", 1),
)


class SharedSlots(RuleBasedStateMachine):
    @initialize(web=st.integers(1, 2))
    def begin(self, web: int) -> None:
        self.now: datetime = NOW
        self.runs: list[Run] = []
        self.stored: dict[tuple[int, int | None], SlotChange] = {}
        self.limits = {"pipeline:1": 1, "pipeline:2": 2, "pipeline:2:customer": 1, "group:disk": 2, "group:web": web}
        self.has_lowered = False

    def tick(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def save(self, *runs: Run) -> None:
        for run in runs:
            for position, change in run.slot_changes.items():
                self.stored.pop((run.id, position), None)
                if change.state is not SlotState.NONE:
                    self.stored[run.id, position] = change
            run.slot_changes.clear()

    def read_states(self, more: Iterable[Bucket] = ()) -> dict[str, BucketState]:
        states = {}
        for bucket in {*more, *(bucket for change in self.stored.values() for bucket in change.buckets)}:
            changes = [change.state for change in self.stored.values() if bucket in change.buckets]
            held, waiting = changes.count(SlotState.HELD), changes.count(SlotState.WAITING)
            states[bucket.name] = BucketState(self.limits.get(bucket.limit_name), held, waiting)
        return states

    def list_requests(self) -> list[SlotRequest]:
        waiting = [(key, change) for key, change in self.stored.items() if change.state is SlotState.WAITING]
        return [SlotRequest(run_id, position, change.buckets, change.priority, change.at) for (run_id, position), change in waiting]

    @rule(which=st.integers(0, len(DEFINITIONS) - 1), customer=st.sampled_from(["x", "y", None]), over_limit=st.integers(0, 9))
    def open(self, which: int, customer: str | None, over_limit: int) -> None:
        definition, parameters = DEFINITIONS[which], {"customer": customer} if customer else {}
        buckets = {bucket for stage in definition.stages for bucket in get_stage_buckets(stage)}
        states = self.read_states(buckets.union(get_run_buckets(which + 1, definition, parameters)))
        run = Run.open(
            pipeline_id=which + 1,
            definition=definition,
            revision=1,
            number=len(self.runs) + 1,
            trigger=Trigger("api"),
            parameters=parameters,
            now=self.tick(),
            slots=OpeningSlots(Allocation(states), over_limit=over_limit == 0),
        )
        run.id = len(self.runs) + 1
        self.runs.append(run)
        self.save(run)

    @rule()
    def grant(self) -> None:
        """Grant as the service does, until nothing fits."""
        while granted := Allocation(self.read_states()).grant(self.list_requests(), 32):
            for request in granted:
                run = self.runs[request.run_id - 1]
                assert waits_for_slots(run, request.position), "a stored request is one of the run"
                assert get_buckets(run, request.position) == request.buckets
                run.grant(request.position, self.tick())
                self.save(run)
        states = self.read_states()
        assert not any(Allocation(states).fits(request.buckets) for request in self.list_requests())

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def start_over_the_limit(self, data: st.DataObject) -> None:
        run = self.choose(data)
        for position in find_waiting_positions(run)[:1]:
            run.grant(position, self.tick(), over_limit=True, actor="mara")
        self.save(run)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), capacity=st.integers(1, 3))
    def work(self, data: st.DataObject, capacity: int) -> None:
        run = self.choose(data)
        if run.dispatch.state is DispatchState.REQUESTED and run.stop_requested_at is None:
            run.claim(run.dispatch.epoch, "w1", self.tick())
        if run.dispatch.holder:
            run.start_ready_stages(capacity, "w1", self.tick())
            run.end_dispatch(self.now)
        self.save(run)

    @precondition(lambda self: any(run.running for run in self.runs))
    @rule(data=st.data(), status=st.sampled_from(["completed", "completed", "failed", "lost"]))
    def end_a_stage(self, data: st.DataObject, status: str) -> None:
        run = data.draw(st.sampled_from([run for run in self.runs if run.running]), label="run")
        stage = data.draw(st.sampled_from([stage.name for stage in run.running]), label="stage")
        if status == "lost":
            run.lose_dispatch(run.dispatch.epoch, self.tick(30))
        else:
            reporter = Reporter("w1", "w1", run.dispatch.epoch) if run.dispatch.holder else Reporter("ci")
            judge_report(run, Report(Status(status), stage), reporter, None, self.tick())
        self.save(run)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), act=st.sampled_from(["approve", "reject", "retry", "retry failed", "skip", "cancel stage", "cancel", "report"]))
    def act(self, data: st.DataObject, act: str) -> None:
        run = self.choose(data)
        stage, now = data.draw(st.sampled_from(sorted(run.stages)), label="stage"), self.tick()
        try:
            match act:
                case "approve" | "reject":
                    decide_approval(run, stage, Decision(act == "approve"), now, PERSON)
                case "retry":
                    retry_stages(run, [stage], now, PERSON)
                case "retry failed":
                    retry_failed(run, now, PERSON)
                case "skip":
                    skip_stage(run, stage, now, PERSON, None)
                case "cancel stage":
                    cancel_stage(run, stage, now, PERSON, None)
                case "cancel":
                    run.cancel(now, "mara")
                case _:
                    judge_report(run, Report(Status.RUNNING, stage), Reporter("ci"), None, now)
        except Conflict:
            pass
        self.save(run)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), seconds=st.sampled_from([31, 3_700, 90_000, 700_000]))
    def pass_time(self, data: st.DataObject, seconds: float) -> None:
        now = self.tick(seconds)
        for run in self.runs:
            run.process_due(now)
        self.save(*self.runs)

    @rule(name=st.sampled_from(["pipeline:1", "group:disk", "group:web"]), limit=st.integers(1, 3))
    def change_limit(self, name: str, limit: int) -> None:
        self.has_lowered = self.has_lowered or limit < self.limits[name]
        self.limits[name] = limit

    def choose(self, data: st.DataObject) -> Run:
        unfinished = [run for run in self.runs if not run.is_over]
        return data.draw(st.sampled_from(unfinished or self.runs), label="run")

    @invariant()
    def no_more_slots_are_held_than_the_limit_allows(self) -> None:
        if self.has_lowered:
            return
        counts: dict[str, int] = {}
        names = {bucket.name: bucket.limit_name for change in self.stored.values() for bucket in change.buckets}
        for change in self.stored.values():
            if change.state is SlotState.HELD and not change.over_limit:
                for bucket in change.buckets:
                    counts[bucket.name] = counts.get(bucket.name, 0) + 1
        assert all(count <= self.limits[names[name]] for name, count in counts.items())

    @invariant()
    def every_stored_request_and_slot_is_one_of_its_run(self) -> None:
        for run in self.runs:
            stored = {position: change.state for (run_id, position), change in self.stored.items() if run_id == run.id}
            assert {position for position, state in stored.items() if state is SlotState.WAITING} == set(find_waiting_positions(run))
            held = {position for position, state in stored.items() if state is SlotState.HELD}
            having_turn = {
                position
                for position, stage in enumerate(run.stages.values())
                if stage.definition.uses and stage.status in (Status.QUEUED, Status.RUNNING) and stage.current.reason is not Reason.LIMIT
            }
            assert held == having_turn | ({None} if run.slot_state is SlotState.HELD else set())

    @invariant()
    def a_finished_run_has_no_slot(self) -> None:
        over = {run.id for run in self.runs if run.is_over}
        assert not [key for key in self.stored if key[0] in over]


SharedSlots.TestCase.settings = settings(deadline=None, max_examples=80, stateful_step_count=40)
test_runs_share_slots_whatever_happens = SharedSlots.TestCase

"""The states of a backfill: every move from every state, and any sequence of moves."""

from dataclasses import astuple
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.backfills.backfill import OVER, Backfill, BackfillState, Progress
from domain.backfills.plan import BackfillOrder, BackfillPlan, ExistingPolicy, choose_ticks
from domain.backfills.tick import BackfillTick, BackfillTickState, get_tick_state
from domain.errors import Conflict
from domain.runs.status import Status
from tests.support.builders import NOW, seconds_later

PLAN = BackfillPlan(NOW, seconds_later(3_600))
PENDING, RUNNING = BackfillTickState.PENDING, BackfillTickState.RUNNING
MOVES: dict[str, Any] = {
    "pause": lambda backfill: backfill.pause(NOW, "ada"),
    "resume": lambda backfill: backfill.resume(),
    "cancel": lambda backfill: backfill.cancel(NOW, "ada"),
}
EXPECTED = {
    (BackfillState.RUNNING, "pause"): BackfillState.PAUSED,
    (BackfillState.RUNNING, "resume"): BackfillState.RUNNING,
    (BackfillState.RUNNING, "cancel"): BackfillState.CANCELLED,
    (BackfillState.PAUSED, "pause"): BackfillState.PAUSED,
    (BackfillState.PAUSED, "resume"): BackfillState.RUNNING,
    (BackfillState.PAUSED, "cancel"): BackfillState.CANCELLED,
    (BackfillState.CANCELLED, "cancel"): BackfillState.CANCELLED,
}
"""The states after each move. All other moves are refused."""


def a_backfill(state: BackfillState = BackfillState.RUNNING, **progress: int) -> Backfill:
    return Backfill(1, 1, PLAN, NOW, state=state, progress=Progress(**progress))


@pytest.mark.parametrize("state", BackfillState)
@pytest.mark.parametrize("move", MOVES)
def test_every_move_from_every_state(state: BackfillState, move: str) -> None:
    backfill = a_backfill(state, pending=2, running=1)

    if (state, move) not in EXPECTED:
        with pytest.raises(Conflict, match=f"Backfill 1 is {state}"):
            MOVES[move](backfill)
        return
    changed = MOVES[move](backfill)

    assert changed.state is EXPECTED[state, move]
    assert (changed is backfill) is (changed.state is state)


@pytest.mark.parametrize("status", [*Status, None])
def test_every_status_of_a_run_is_a_state_of_its_tick(status: Status | None) -> None:
    state = get_tick_state(status)

    assert (state is RUNNING) is (status is not None and not status.is_terminal)
    assert BackfillTick(1, NOW, RUNNING, 7).follow_run(status).state is state


class BackfillMachine(RuleBasedStateMachine):
    """A backfill of ten ticks, of which up to three run at a time, moved by its service, its runs and people in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = [BackfillTick(position, seconds_later(position)) for position in range(1, 11)]
        self.backfill = a_backfill(pending=10)
        self.now = NOW

    def _set(self, index: int, tick: BackfillTick) -> None:
        before, self.ticks[index] = self.ticks[index], tick
        self.backfill = self.backfill.advance([(before.state, tick.state)], self.now)

    def _find(self, state: BackfillTickState) -> list[int]:
        return [index for index, tick in enumerate(self.ticks) if tick.state is state]

    @rule(seconds=st.integers(1, 60))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.backfill.state is BackfillState.RUNNING)
    @rule()
    def start_the_next_tick(self) -> None:
        if (pending := self._find(PENDING)) and len(self._find(RUNNING)) < 3:
            self._set(pending[0], self.ticks[pending[0]].start(pending[0] + 1))

    @rule(data=st.data(), status=st.sampled_from([Status.COMPLETED, Status.FAILED, Status.LOST, Status.CANCELLED, Status.SKIPPED]))
    def end_a_run(self, data: st.DataObject, status: Status) -> None:
        if running := self._find(RUNNING):
            index = data.draw(st.sampled_from(running))
            self._set(index, self.ticks[index].follow_run(status))

    @rule(data=st.data())
    def retry_a_run(self, data: st.DataObject) -> None:
        ended = [index for index, tick in enumerate(self.ticks) if tick.run_id is not None and tick.state is not RUNNING]
        if ended:
            index = data.draw(st.sampled_from(ended))
            self._set(index, self.ticks[index].follow_run(Status.QUEUED))

    @rule()
    def wait_for_space(self) -> None:
        if not self.backfill.is_over:
            self.backfill = self.backfill.wait("The disk is full.", self.now + timedelta(seconds=10))

    @rule(move=st.sampled_from(sorted(MOVES)))
    def ask_for_a_move(self, move: str) -> None:
        try:
            changed = MOVES[move](self.backfill)
        except Conflict:
            assert self.backfill.is_over
            return
        if move == "cancel" and changed is not self.backfill:
            self.ticks = [
                BackfillTick(tick.position, tick.due_at, BackfillTickState.CANCELLED) if tick.state is PENDING else tick
                for tick in self.ticks
            ]
        self.backfill = changed

    @invariant()
    def progress_counts_the_ticks(self) -> None:
        counted = Progress(*(len(self._find(BackfillTickState(name))) for name in Progress.__slots__))
        assert self.backfill.progress == counted
        assert counted.total == 10 and min(astuple(counted)) >= 0

    @invariant()
    def it_is_finished_exactly_if_each_tick_ended(self) -> None:
        has_ended = not self._find(PENDING) and not self._find(RUNNING)
        assert (self.backfill.finished_at is not None) is has_ended
        if has_ended:
            assert self.backfill.state in OVER
        if self.backfill.state is BackfillState.COMPLETED:
            assert has_ended
        if self.backfill.state is BackfillState.CANCELLED:
            assert not self._find(PENDING)


BackfillMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None, database=None)
TestAnyMoves = BackfillMachine.TestCase


def test_choosing_ticks_obeys_policy_and_order() -> None:
    ticks = [seconds_later(number) for number in range(5)]
    newest = {ticks[0]: Status.COMPLETED, ticks[1]: Status.FAILED, ticks[2]: Status.RUNNING, ticks[3]: Status.LOST}

    def choose(existing: ExistingPolicy, order: BackfillOrder = BackfillOrder.OLDEST) -> list[int]:
        plan = BackfillPlan(NOW, NOW, existing=existing, order=order)
        return [ticks.index(tick) for tick in choose_ticks(plan, ticks, newest)]

    assert choose(ExistingPolicy.SKIP) == [4]
    assert choose(ExistingPolicy.FAILED) == [1, 3, 4]
    assert choose(ExistingPolicy.ALL) == [0, 1, 2, 3, 4]
    assert choose(ExistingPolicy.ALL, BackfillOrder.NEWEST) == [4, 3, 2, 1, 0]

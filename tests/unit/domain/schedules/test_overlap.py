import pytest

from domain.schedules.definition import OverlapPolicy
from domain.schedules.overlap import MAX_WAITING, OverlapAction, decide_overlap

ACTIONS = {
    # policy: free, a run under way, a run under way and a tick that waits, the queue is full
    OverlapPolicy.SKIP: "start skip skip skip",
    OverlapPolicy.QUEUE_ONE: "start wait skip skip",
    OverlapPolicy.QUEUE_ALL: "start wait wait skip",
    OverlapPolicy.CANCEL_RUNNING: "start cancel cancel cancel",
    OverlapPolicy.ALLOW: "start start start start",
}
STATES = [(0, 0), (1, 0), (1, 1), (1, MAX_WAITING)]


@pytest.mark.parametrize("policy", OverlapPolicy)
def test_the_policy_decides_what_a_tick_does(policy: OverlapPolicy) -> None:
    actions = [decide_overlap(policy, unfinished, waiting) for unfinished, waiting in STATES]

    assert actions == [OverlapAction(action) for action in ACTIONS[policy].split()]


@pytest.mark.parametrize("policy", [policy for policy in OverlapPolicy if policy is not OverlapPolicy.ALLOW])
def test_a_tick_does_not_overtake_one_that_waits(policy: OverlapPolicy) -> None:
    assert decide_overlap(policy, 0, 1) is not OverlapAction.START

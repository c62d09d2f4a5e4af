"""The reason why a queued stage has not started."""

import pytest

from domain.runs.queue_reason import QueueReason, QueueSnapshot, find_queue_reason

WITH_WORKERS = {"workers": 2, "slots": 8}


CASES = [
    (QueueSnapshot(is_limited=True, is_claimed=True, running=2, parallelism=2), QueueReason.LIMIT),
    (QueueSnapshot(is_limited=True, is_warm=False, is_refused=True), QueueReason.LIMIT),
    (QueueSnapshot(is_claimed=True, running=2, parallelism=2, worker_free_slots=0), QueueReason.PARALLELISM),
    (QueueSnapshot(running=1, parallelism=1), QueueReason.PARALLELISM),
    (QueueSnapshot(running=1, parallelism=1, is_warm=False, is_refused=True), QueueReason.PARALLELISM),
    (QueueSnapshot(is_claimed=True, running=1, parallelism=2, worker_free_slots=0), QueueReason.WORKER_FULL),
    (QueueSnapshot(is_claimed=True, running=1, parallelism=2, worker_free_slots=1), QueueReason.STARTING),
    (QueueSnapshot(is_claimed=True, workers=0), QueueReason.STARTING),
    (QueueSnapshot(), QueueReason.NO_WORKER),
    (QueueSnapshot(**WITH_WORKERS, free=0, runs_ahead=3), QueueReason.NO_FREE_SLOT),
    (QueueSnapshot(**WITH_WORKERS, free=1, runs_ahead=3), QueueReason.BEHIND_OTHER_RUNS),
    (QueueSnapshot(**WITH_WORKERS, free=1), QueueReason.ABOUT_TO_START),
    (QueueSnapshot(**WITH_WORKERS, free=1, is_refused=True, is_unsubmitted=True, is_engine_reachable=False), QueueReason.ABOUT_TO_START),
    (QueueSnapshot(is_warm=False, is_refused=True, is_unsubmitted=True, is_engine_reachable=False), QueueReason.ENGINE_REFUSED),
    (QueueSnapshot(is_warm=False, is_unsubmitted=True, is_engine_reachable=False), QueueReason.ENGINE_UNREACHABLE),
    (QueueSnapshot(is_warm=False, is_unsubmitted=True, is_engine_reachable=True), QueueReason.NOT_SUBMITTED),
    (QueueSnapshot(is_warm=False, is_unsubmitted=True), QueueReason.NOT_SUBMITTED),
    (QueueSnapshot(is_warm=False), QueueReason.AWAITING_ENGINE_WORKER),
]


@pytest.mark.parametrize(("snapshot", "reason"), CASES)
def test_the_queue_reason_is_the_first_condition_that_applies(snapshot: QueueSnapshot, reason: QueueReason) -> None:
    assert find_queue_reason(snapshot) is reason


def test_every_queue_reason_is_covered() -> None:
    assert {reason for _, reason in CASES} == set(QueueReason)

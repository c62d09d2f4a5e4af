from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipelines.definition import StageCondition, StageKind
from domain.runs.readiness import Readiness, compute_run_status, get_readiness
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status
from tests.support.builders import NOW, a_stage_run

FAILURES = (Status.FAILED, Status.LOST)


def expected_readiness(when: StageCondition, needs: list[tuple[Status, bool]]) -> Readiness:
    """Return the readiness that DESIGN defines. Each need is a status and whether its failure is allowed."""
    over = all(status.is_terminal for status, _ in needs)
    good = [status is Status.COMPLETED or (status in FAILURES and allowed) for status, allowed in needs]
    bad = [status.is_terminal and not ok for (status, _), ok in zip(needs, good, strict=True)]
    if when is StageCondition.COMPLETED:
        return Readiness.READY if all(good) else Readiness.UNREACHABLE if any(bad) else Readiness.BLOCKED
    if not over:
        return Readiness.BLOCKED
    if when is StageCondition.ALWAYS:
        return Readiness.READY
    return Readiness.READY if any(status in FAILURES for status, _ in needs) else Readiness.UNREACHABLE


@pytest.mark.parametrize("when", list(StageCondition))
def test_readiness_follows_from_the_needs(when: StageCondition) -> None:
    ends = list(product(Status, (True, False)))
    for needs in ([], *([one] for one in ends), *([one, two] for one, two in product(ends, ends))):
        stages = {
            f"need{index}": a_stage_run(f"need{index}", status, allow_failure=allowed) for index, (status, allowed) in enumerate(needs)
        }
        stage = a_stage_run("it", needs=tuple(stages), when=when)

        assert get_readiness(stage, {**stages, "it": stage}) is expected_readiness(when, needs), needs


def stage_runs() -> st.SearchStrategy[list[StageRun]]:
    """Generate up to four stages with any needs and statuses, including retries and external stages."""

    @st.composite
    def draw_stages(draw: st.DrawFn) -> list[StageRun]:
        stages: list[StageRun] = []
        for index in range(draw(st.integers(1, 4))):
            status = draw(st.sampled_from(Status))
            retry = status is Status.WAITING and draw(st.booleans())
            stages.append(
                a_stage_run(
                    f"s{index}",
                    status,
                    kind=StageKind.EXTERNAL if status is Status.WAITING and not retry else StageKind.COMMAND,
                    reason=Reason.RETRY if retry else Reason.EXTERNAL if status is Status.WAITING else None,
                    due_at=NOW if retry else None,
                    allow_failure=draw(st.booleans()),
                    when=draw(st.sampled_from(StageCondition)),
                    needs=tuple(draw(st.sets(st.sampled_from([stage.name for stage in stages]))) if stages else ()),
                )
            )
        return stages

    return draw_stages()


def expected_status(stages: list[StageRun], verdict: Status | None, has_started: bool) -> Status:
    """Return the status of a run as DESIGN defines it, clause by clause."""
    by_name = {stage.name: stage for stage in stages}

    def needs_are_met(stage: StageRun) -> bool:
        needs = [(by_name[name].status, by_name[name].definition.allow_failure) for name in stage.definition.needs]
        return expected_readiness(stage.definition.when, needs) is Readiness.READY

    if any(stage.status is Status.RUNNING for stage in stages):
        return Status.RUNNING
    if any(stage.status is Status.QUEUED or stage.current.reason is Reason.RETRY for stage in stages):
        return Status.RUNNING if has_started else Status.QUEUED
    if any(stage.status is Status.WAITING and needs_are_met(stage) for stage in stages):
        return Status.WAITING
    if any(not stage.status.is_terminal for stage in stages):
        return Status.WAITING if any(stage.status is Status.WAITING for stage in stages) else Status.PENDING
    if verdict:
        return verdict
    ends = [stage.status for stage in stages if not (stage.status in FAILURES and stage.definition.allow_failure)]
    return next((end for end in (Status.LOST, Status.FAILED, Status.CANCELLED) if end in ends), Status.COMPLETED)


@settings(deadline=None, max_examples=400)
@given(stage_runs(), st.sampled_from([None, Status.COMPLETED, Status.FAILED, Status.CANCELLED]), st.booleans())
def test_the_status_of_a_run_is_as_designed(stages: list[StageRun], verdict: Status | None, has_started: bool) -> None:
    assert compute_run_status(stages, verdict, has_started) is expected_status(stages, verdict, has_started)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ("completed completed", Status.COMPLETED),
        ("completed skipped", Status.COMPLETED),
        ("skipped", Status.COMPLETED),
        ("failed completed", Status.FAILED),
        ("failed cancelled", Status.FAILED),
        ("lost failed", Status.LOST),
        ("cancelled completed", Status.CANCELLED),
        ("running failed", Status.RUNNING),
        ("queued completed", Status.QUEUED),
        ("pending", Status.PENDING),
    ],
)
def test_the_status_of_a_run_in_simple_cases(statuses: str, status: Status) -> None:
    stages = [a_stage_run(f"s{index}", Status(word)) for index, word in enumerate(statuses.split())]

    assert compute_run_status(stages, None, has_started=False) is status

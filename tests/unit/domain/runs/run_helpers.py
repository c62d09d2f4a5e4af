"""Helpers to bring runs into a state."""

from domain.access.actor import Actor
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.dispatch import DispatchState
from domain.runs.run import Run
from domain.runs.status import Status
from tests.support.builders import NOW, WORKER, a_started_run, seconds_later

MARA = Actor("mara", ("operator",))


LATER = seconds_later(60)


def end_stage(run: Run, stage: str, status: Status = Status.COMPLETED, **keys: object) -> None:
    """Claim a requested dispatch, start its stages, and report the end of this one."""
    if run.dispatch.state is DispatchState.REQUESTED:
        run.claim(run.dispatch.epoch, WORKER, NOW)
    run.start_ready_stages(100, WORKER, NOW)
    report = Report(status, stage, run.stages[stage].current.number, **keys)  # type: ignore[arg-type]
    assert judge_report(run, report, Reporter(WORKER, WORKER, run.dispatch.epoch), None, NOW).applied
    run.end_dispatch(NOW)


def a_failed_run(**keys: object) -> Run:
    """Return a run with a completed, b failed, and c skipped because of b."""
    run = a_started_run(3, **keys)  # type: ignore[arg-type]
    end_stage(run, "a", output={"rows": 3})
    end_stage(run, "b", Status.FAILED, error_message="no room")
    assert run.status is Status.FAILED
    return run


def statuses(run: Run) -> dict[str, str]:
    return {name: f"{stage.status} {stage.current.number}" for name, stage in run.stages.items()}

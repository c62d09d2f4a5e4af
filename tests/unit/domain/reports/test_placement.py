"""Which run a report belongs to that names none, in a pipeline whose stages are all external."""

import pytest

from domain.pipelines.definition import PipelineDefinition
from domain.reports.judging import judge_report
from domain.reports.placement import OPENS_RUN, Placement, is_repeat, place_report, supersede_older_runs
from domain.reports.report import Report, Reporter
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from domain.runs.trigger import REPORT, Trigger
from tests.support.builders import NOW, a_definition, a_stage

ETL = a_definition("etl", [a_stage("extract", "external"), a_stage("load", "external"), a_stage("audit", "external", needs=[])])
"""Two root stages, extract and audit; load needs extract."""


def open_run(*reports: tuple[str, str], number: int = 1, trigger: str = REPORT, definition: PipelineDefinition = ETL) -> Run:
    """Return a run in which these (stage, status) reports were applied."""
    run = Run.open(pipeline_id=1, definition=definition, revision=1, number=number, trigger=Trigger(trigger), parameters={}, now=NOW)
    for stage, status in reports:
        assert judge_report(run, Report(Status(status), stage), Reporter(), None, NOW).applied
    return run


def place(stage: str | None, status: str, *open_runs: Run, latest: Run | None = None, attempt: int | None = None) -> Placement:
    latest = latest or (open_runs[-1] if open_runs else None)
    return place_report(Report(Status(status), stage, attempt), Reporter("cron"), None, ETL, open_runs, latest)


def test_a_report_belongs_to_the_oldest_open_run_in_which_its_stage_has_not_ended() -> None:
    first, second, third = open_run(("extract", "completed")), open_run(number=2), open_run(number=3)

    assert place("extract", "failed", first, second, third) == Placement(second)
    assert place("load", "completed", first, second, third) == Placement(first)


@pytest.mark.parametrize("status", ["running", "completed", "failed"])
def test_a_root_stage_that_has_ended_in_every_open_run_opens_the_next(status: str) -> None:
    run = open_run(("extract", "completed"), ("audit", "failed"))

    assert place("extract", status, run) == OPENS_RUN
    assert place("audit", status, run) == OPENS_RUN


def test_a_later_stage_that_has_ended_in_every_open_run_opens_none() -> None:
    first, second = open_run(("load", "completed")), open_run(("load", "completed"), number=2)

    assert place("load", "failed", first, second) == Placement(second)


def test_a_report_about_the_run_belongs_to_the_oldest_open_run() -> None:
    first, second = open_run(), open_run(number=2)

    assert place(None, "failed", first, second) == Placement(first)


@pytest.mark.parametrize("status", ["running", "completed", "failed", "cancelled"])
def test_without_an_open_run_a_report_about_the_run_or_a_root_stage_opens_the_next(status: str) -> None:
    over = open_run(("extract", "completed"), ("load", "completed"), ("audit", "completed"))

    assert [place(stage, status, latest=latest) for stage in (None, "extract") for latest in (None, over)] == [OPENS_RUN] * 4


def test_a_run_cannot_be_skipped_so_such_a_report_opens_none() -> None:
    assert place(None, "skipped") == Placement()


def test_the_end_of_a_stage_whose_start_was_reported_is_late_once() -> None:
    latest = open_run(("extract", "running"))
    latest.supersede(2, NOW)

    assert place("extract", "completed", latest=latest) == Placement(latest)
    assert place("extract", "running", latest=latest) == OPENS_RUN
    assert judge_report(latest, Report(Status.COMPLETED, "extract"), Reporter(), None, NOW, is_placed=True).problem == "late_report"
    assert place("extract", "completed", latest=latest) == OPENS_RUN


def test_a_root_stage_that_was_never_reported_opens_the_next_run_with_its_end() -> None:
    latest = open_run()
    latest.supersede(2, NOW)

    assert place("extract", "failed", latest=latest) == OPENS_RUN


def test_a_later_stage_opens_the_next_run_only_if_its_end_was_reported_in_the_latest() -> None:
    reported = open_run(("extract", "completed"), ("load", "completed"), ("audit", "completed"))
    unreported = open_run(("load", "running"))
    unreported.supersede(2, NOW)

    assert place("load", "completed", latest=reported) == OPENS_RUN
    assert place("load", "completed", latest=unreported) == Placement(unreported)
    assert place("load", "completed") == Placement()


def test_a_report_about_an_attempt_or_an_unknown_stage_opens_none() -> None:
    over = open_run(("extract", "completed"), ("load", "completed"), ("audit", "completed"))

    assert place("extract", "completed", latest=over, attempt=1) == Placement(over)
    assert place(None, "completed", latest=over, attempt=1) == Placement(over)
    assert place("nowhere", "completed", latest=over) == Placement(over)
    assert place("nowhere", "completed") == Placement()


def test_a_report_that_a_later_one_has_overtaken_belongs_to_the_latest_run() -> None:
    first, second = open_run(), open_run(number=2)

    def place_numbered(seq: int) -> Placement:
        return place_report(Report(Status.RUNNING, "extract", seq=seq), Reporter("cron"), 7, ETL, [first, second], second)

    assert [place_numbered(seq) for seq in (6, 7, 8)] == [Placement(second), Placement(second), Placement(first)]


def test_only_runs_that_a_report_opened_are_superseded() -> None:
    reported, triggered = open_run(), open_run(number=2, trigger="api")

    supersede_older_runs([reported, triggered], 3, NOW)

    assert (reported.status, triggered.status) == (Status.LOST, Status.WAITING)


@pytest.mark.parametrize(
    ("is_same", "seconds", "expected"), [(True, 0.0, True), (True, 9.9, True), (True, 10.0, False), (False, 0.0, False)]
)
def test_an_equal_report_within_ten_seconds_is_a_repeat(is_same: bool, seconds: float, expected: bool) -> None:
    assert is_repeat(is_same, seconds) is expected


def test_a_superseded_run_is_lost_and_says_why() -> None:
    run = open_run(("extract", "completed"), ("load", "running"))

    run.supersede(2, NOW)

    assert {name: (stage.status, stage.current.reason) for name, stage in run.stages.items()} == {
        "extract": (Status.COMPLETED, None),
        "load": (Status.LOST, Reason.SUPERSEDED),
        "audit": (Status.LOST, Reason.SUPERSEDED),
    }
    assert run.status is Status.LOST
    assert run.stages["load"].current.error_message == "Run 2 began before the end of this stage was reported."


def test_a_second_running_that_names_no_run_is_progress() -> None:
    run = open_run(("extract", "running"))

    placed = judge_report(run, Report(Status.RUNNING, "extract"), Reporter(), None, NOW, is_placed=True)
    named = judge_report(run, Report(Status.RUNNING, "extract"), Reporter(), None, NOW)

    assert (placed.applied, named.applied) == (True, False)

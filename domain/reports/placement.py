"""Decide which run a report that names none belongs to, in a pipeline whose stages are all external (DESIGN, "Reports").

Reports open the runs of such a pipeline. A report that fits no run opens the next one, so that each end is shown even if an earlier report
was lost.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from domain.pipelines.definition import PipelineDefinition
from domain.reports.report import Report, Reporter, is_out_of_order
from domain.runs.run import Run
from domain.runs.status import Status
from domain.value_object import value_object


@value_object
class Placement:
    """The run of a report: `run`, or the next run, which the report opens. Neither if the pipeline has no run and the report opens none."""

    run: Run | None = None
    opens_run: bool = False


OPENS_RUN: Final = Placement(opens_run=True)
REPEAT_SECONDS: Final = 10.0
"""An equal report of the same reporter within this time is a repeat."""


def name_only_stage(definition: PipelineDefinition) -> str | None:
    """Return the stage that reports without a stage are about: the only one. None if there are more."""
    return definition.stages[0].name if len(definition.stages) == 1 else None


def is_repeat(is_same: bool, seconds_ago: float) -> bool:
    """Return True if a report repeats its reporter's last one, which came `seconds_ago`."""
    return is_same and seconds_ago < REPEAT_SECONDS


def place_report(
    report: Report,
    reporter: Reporter,
    last_seq: int | None,
    definition: PipelineDefinition,
    open_runs: Sequence[Run],
    latest: Run | None,
) -> Placement:
    """Return the run that the report belongs to.

    `last_seq` is the reporter's highest `seq` on the pipeline. `open_runs` are in the order of their numbers; `latest` is the newest run,
    open or not.
    """
    if latest is not None and is_out_of_order(report, reporter, last_seq):
        return Placement(latest)
    if report.stage is None:
        return _place_run_report(report, open_runs, latest)
    for run in open_runs:
        stage = run.stages.get(report.stage)
        if stage is not None and not stage.is_over:
            return Placement(run)
    newest = open_runs[-1] if open_runs else latest
    defined = definition.stage(report.stage)
    if defined is None or report.attempt is not None:
        return Placement(newest)
    is_root = not defined.needs
    if open_runs:
        return OPENS_RUN if is_root else Placement(newest)
    opens = not _is_late_end(report, latest) if is_root else _is_end_reported(report.stage, latest)
    return OPENS_RUN if opens else Placement(newest)


def supersede_older_runs(open_runs: Sequence[Run], next_number: int, now: datetime) -> None:
    """End the open runs that reports opened, as a report opened run `next_number`. A triggered run is never superseded."""
    for run in open_runs:
        if run.trigger.is_report:
            run.supersede(next_number, now)


def _place_run_report(report: Report, open_runs: Sequence[Run], latest: Run | None) -> Placement:
    if open_runs:
        return Placement(open_runs[0])
    return Placement(latest) if report.status is Status.SKIPPED or report.attempt is not None else OPENS_RUN


def _is_late_end(report: Report, latest: Run | None) -> bool:
    """Return True if the stage's start was reported in the latest run, and its end was not until now."""
    stage = latest.stages.get(report.stage or "") if latest is not None else None
    if stage is None or not report.status.is_terminal:
        return False
    return stage.current.started_at is not None and not stage.current.end_reported


def _is_end_reported(stage_name: str, latest: Run | None) -> bool:
    stage = latest.stages.get(stage_name) if latest is not None else None
    return stage is not None and stage.current.end_reported

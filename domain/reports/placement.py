"""Decide which run a report belongs to that names none, in a pipeline whose stages are all external (DESIGN, "Reports").

Such a pipeline has nobody who starts its runs: its reports do. So that each night's end is seen even if an earlier report was lost, a
report that cannot belong to a run opens the next one.
"""

from collections.abc import Sequence

from domain.pipelines.definition import PipelineDefinition
from domain.reports.report import Report
from domain.runs.run import Run
from domain.runs.status import Status
from domain.value_object import value_object


@value_object
class Placement:
    """Where a report belongs: to `run`, or to the next run, which it opens. Neither if the pipeline has no run and this opens none."""

    run: Run | None = None
    opens_run: bool = False


OPENS_RUN = Placement(opens_run=True)


def name_only_stage(definition: PipelineDefinition) -> str | None:
    """Return the stage that reports without a stage are about: the only one. None if there are more."""
    return definition.stages[0].name if len(definition.stages) == 1 else None


def place_report(report: Report, definition: PipelineDefinition, open_runs: Sequence[Run], latest: Run | None) -> Placement:
    """Return where the report belongs. `open_runs` are in the order of their numbers; `latest` is the newest run, open or not."""
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

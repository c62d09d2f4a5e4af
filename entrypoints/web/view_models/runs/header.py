"""The head of a run's page."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.runs.failures import find_failed_stage
from application.queries.views.runs import RunView
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.formatting import (
    DASH,
    Sentence,
    StatusLabel,
    Timestamp,
    format_count,
    format_parameters,
    format_timestamp,
    get_status_label,
    tally,
    triggered_by,
)
from entrypoints.web.view_models.runs.datadog_links import datadog_links


@dataclass(frozen=True, slots=True)
class RunHeader:
    id: int
    number: str
    pipeline: str
    status: StatusLabel
    is_over: bool
    may_cancel: bool
    since: Timestamp | None
    elapsed: str
    ended: Timestamp | None
    why: Sentence
    triggered_by: str
    started: Timestamp | None
    usually: str
    records: str
    parameters: str
    revision: int
    pool: str
    flow_runs: Sequence[tuple[str, str]]
    """Name and address of each flow run in Prefect's pages; the address is empty when they are not known."""
    unrecorded: bool
    in_datadog: Sequence[tuple[str, str]]
    tally: str
    retried_from: str | None
    """The stage at which a retry begins."""
    approval: str | None
    """The stage that waits to be approved."""
    repeats: int | None


def build_run_header(
    run: RunView, around: RunContext, usual_total: float | None, prefect_url: str | None, datadog_site: str | None = None
) -> RunHeader:
    begun = run.started_at or run.created_at
    return RunHeader(
        id=run.id,
        number=f"{run.number:,}",
        pipeline=run.pipeline,
        status=get_status_label(run.status),
        is_over=run.status.is_terminal,
        may_cancel=not run.status.is_terminal and run.stop_requested_at is None,
        since=format_timestamp(None if run.finished_at else begun),
        elapsed=format_elapsed(run.finished_at or around.now, begun),
        ended=format_timestamp(run.finished_at),
        why=explain_run(run, around).parts,
        triggered_by=triggered_by(run.trigger, run.actor),
        started=format_timestamp(run.started_at),
        usually=format_duration(usual_total) if usual_total is not None else DASH,
        records=format_count(run.records_processed),
        parameters=format_parameters(run.parameters),
        revision=run.revision,
        pool=run.pool,
        flow_runs=_flow_runs(run, prefect_url),
        unrecorded=run.unrecorded,
        in_datadog=datadog_links(datadog_site, run.id, run.trace),
        tally=tally(run),
        retried_from=retried_from(run),
        approval=_awaiting_approval(run),
        repeats=run.repeats,
    )


def _flow_runs(run: RunView, pages: str | None) -> list[tuple[str, str]]:
    several = len(run.flow_run_ids) > 1
    root = pages.rstrip("/") if pages else ""
    return [
        (f"flow run {index}" if several else "flow run", f"{root}/runs/flow-run/{identifier}" if root else "")
        for index, identifier in enumerate(run.flow_run_ids, 1)
    ]


def retried_from(run: RunView) -> str | None:
    """Where a retry of what failed begins; None when there is nothing to retry."""
    if not run.status.is_terminal:
        return None
    broken = find_failed_stage(run) or next((stage for stage in run.stages if stage.status is Status.CANCELLED), None)
    return broken.name if broken else None


def _awaiting_approval(run: RunView) -> str | None:
    waiting = (stage for stage in run.stages if stage.status is Status.WAITING and stage.newest.reason is Reason.APPROVAL)
    return next((stage.name for stage in waiting), None) if run.stop_requested_at is None else None

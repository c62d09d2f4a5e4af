"""The head of a run's page."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.broken import first_broken
from application.queries.sentences import Surroundings, duration, seconds
from application.queries.views import RunView
from application.queries.why import explain
from domain.status import Reason, Status
from entrypoints.web.view_models.datadog import datadog_links
from entrypoints.web.view_models.words import (
    DASH,
    Moment,
    Sentence,
    StatusWord,
    grouped,
    moment,
    parameters_line,
    status_word,
    tally,
    triggered_by,
)


@dataclass(frozen=True, slots=True)
class RunHead:
    id: int
    number: str
    pipeline: str
    status: StatusWord
    is_over: bool
    may_cancel: bool
    since: Moment | None
    elapsed: str
    ended: Moment | None
    why: Sentence
    triggered_by: str
    started: Moment | None
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


def head_of(
    run: RunView, around: Surroundings, usual_total: float | None, prefect_pages: str | None, datadog_site: str | None = None
) -> RunHead:
    begun = run.started_at or run.created_at
    return RunHead(
        id=run.id,
        number=f"{run.number:,}",
        pipeline=run.pipeline,
        status=status_word(run.status),
        is_over=run.status.is_terminal,
        may_cancel=not run.status.is_terminal and run.stop_requested_at is None,
        since=moment(None if run.finished_at else begun),
        elapsed=duration(run.finished_at or around.now, begun),
        ended=moment(run.finished_at),
        why=explain(run, around).parts,
        triggered_by=triggered_by(run.trigger, run.actor),
        started=moment(run.started_at),
        usually=seconds(usual_total) if usual_total is not None else DASH,
        records=grouped(run.records_processed),
        parameters=parameters_line(run.parameters),
        revision=run.revision,
        pool=run.pool,
        flow_runs=_flow_runs(run, prefect_pages),
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
    broken = first_broken(run) or next((stage for stage in run.stages if stage.status is Status.CANCELLED), None)
    return broken.name if broken else None


def _awaiting_approval(run: RunView) -> str | None:
    waiting = (stage for stage in run.stages if stage.status is Status.WAITING and stage.newest.reason is Reason.APPROVAL)
    return next((stage.name for stage in waiting), None) if run.stop_requested_at is None else None

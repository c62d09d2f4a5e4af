"""The head of a run's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.explain.waits import find_wait
from application.queries.runs.failures import find_failed_stage
from application.queries.views.runs import RunTimes, RunView
from domain.runs.active_time import get_active_seconds, get_active_since
from domain.runs.run_name import RunName
from domain.runs.status import Reason, Status
from entrypoints.web.prefect_pages import PrefectPages
from entrypoints.web.view_models.formatting import (
    DASH,
    Sentence,
    StatusLabel,
    Timestamp,
    describe_trigger,
    format_count,
    format_parameters,
    format_timestamp,
    get_status_label,
    summarize_stages,
)
from entrypoints.web.view_models.groups import format_priority
from entrypoints.web.view_models.runs.datadog_links import build_datadog_links
from entrypoints.web.view_models.runs.flow_runs import FlowRunItem, build_flow_run_items

MAX_FLOW_RUNS = 5
"""Flow runs of stages among a run's facts."""


@dataclass(frozen=True, slots=True)
class RunHeader:
    """A run's status and facts.

    `flow_runs` are the (name, URL) of its dispatches in Prefect, with an empty URL if Prefect's pages are unknown; `is_unrecorded` is
    True while Prefect has not received the newest one. `stage_flow_runs` are the first flow runs of its stages. `datadog_links` are
    (name, URL). `retry_stage` is the stage that a retry begins with; `approval_stage` waits for approval; `repeated_run` is the id of the
    run that this one repeats, and `repeated_name` its name. `priority` is empty if it is 0; `is_limited` is True while the run or a stage
    waits for a slot; `is_over_limit` if a person let it start without one. `elapsed` is the active time, and `since` is set while it
    grows; before the start both count from the creation. `wait` says how long the run has waited for people so far, and `waiting_since`
    is set while it does so now.
    """

    id: int
    number: str
    pipeline: str
    status: StatusLabel
    is_over: bool
    can_cancel: bool
    since: Timestamp | None
    elapsed: str
    has_started: bool
    wait: str
    waiting_since: Timestamp | None
    waiting_for: str
    ended: Timestamp | None
    status_text: Sentence
    trigger: str
    backfill_id: int | None
    scheduled_for: Timestamp | None
    started: Timestamp | None
    typical_duration: str
    records: str
    parameters: str
    revision: int
    flow_runs: Sequence[tuple[str, str]]
    is_unrecorded: bool
    stage_flow_runs: Sequence[FlowRunItem]
    hidden_flow_runs: int
    datadog_links: Sequence[tuple[str, str]]
    status_counts: str
    retry_stage: str | None
    approval_stage: str | None
    repeated_run: int | None
    repeated_name: str
    priority: str
    is_limited: bool
    is_over_limit: bool


def build_run_header(
    run: RunView,
    context: RunContext,
    median_seconds: float | None,
    prefect: PrefectPages,
    datadog_site: str | None = None,
    repeated: RunTimes | None = None,
) -> RunHeader:
    """Return the head of a run's page. `median_seconds` is the duration of the pipeline's last completed runs, `repeated` is the run
    that this one repeats."""
    now = run.finished_at or context.now
    active, idle_since = get_active_seconds(run, now), None if run.finished_at else run.idle_since
    flow_runs = build_flow_run_items(run, prefect)
    return RunHeader(
        id=run.id,
        number=str(run.number),
        pipeline=run.pipeline,
        status=get_status_label(run.status),
        is_over=run.status.is_terminal,
        can_cancel=not run.status.is_terminal and run.stop_requested_at is None,
        since=format_timestamp(get_active_since(run) or (None if run.finished_at or run.started_at else run.created_at)),
        elapsed=format_duration(active) if active is not None else format_elapsed(now, run.created_at),
        has_started=run.started_at is not None,
        wait=_describe_wait(run, idle_since or now),
        waiting_since=format_timestamp(idle_since),
        waiting_for=format_elapsed(now, idle_since) if idle_since else "",
        ended=format_timestamp(run.finished_at),
        status_text=explain_run(run, context).parts,
        trigger=describe_trigger(run.trigger, run.actor),
        backfill_id=run.backfill_id,
        scheduled_for=format_timestamp(run.scheduled_for),
        started=format_timestamp(run.started_at),
        typical_duration=format_duration(median_seconds) if median_seconds is not None else DASH,
        records=format_count(run.records_processed),
        parameters=format_parameters(run.parameters),
        revision=run.revision,
        flow_runs=_build_flow_run_links(run, prefect),
        stage_flow_runs=flow_runs[:MAX_FLOW_RUNS],
        hidden_flow_runs=max(0, len(flow_runs) - MAX_FLOW_RUNS),
        is_unrecorded=run.unrecorded,
        datadog_links=build_datadog_links(datadog_site, run.id, run.trace),
        status_counts=summarize_stages(run),
        retry_stage=get_retry_stage(run),
        approval_stage=_get_approval_stage(run),
        repeated_run=repeated.id if repeated is not None else None,
        repeated_name=_name_repeated_run(run, repeated),
        priority=format_priority(run.priority) if run.priority else "",
        is_limited=run.stop_requested_at is None and (run.waits_for_slot or bool(run.limited_stages)),
        is_over_limit=run.over_limit,
    )


def _name_repeated_run(run: RunView, repeated: RunTimes | None) -> str:
    """Return the name of the run that this one repeats; empty if it repeats none."""
    if run.repeats is None:
        return ""
    return "a run that was deleted" if repeated is None else str(RunName(run.pipeline, repeated.number))


def _describe_wait(run: RunView, now: datetime) -> str:
    """Return how long the run waited for people in all, up to an instant before which it went on."""
    wait = find_wait(run, now)
    return str(wait) if wait else ""


def get_retry_stage(run: RunView) -> str | None:
    """Return the first failed, lost or cancelled stage, with which a retry begins; None if there is nothing to retry."""
    if not run.status.is_terminal:
        return None
    stage = find_failed_stage(run) or next((stage for stage in run.stages if stage.status is Status.CANCELLED), None)
    return stage.name if stage else None


def _build_flow_run_links(run: RunView, prefect: PrefectPages) -> list[tuple[str, str]]:
    has_several = len(run.flow_run_ids) > 1
    return [
        (f"flow run {index}" if has_several else "flow run", prefect.link_flow_run(identifier))
        for index, identifier in enumerate(run.flow_run_ids, 1)
    ]


def _get_approval_stage(run: RunView) -> str | None:
    if run.stop_requested_at is not None:
        return None
    waiting = (stage for stage in run.stages if stage.status is Status.WAITING and stage.newest.reason is Reason.APPROVAL)
    return next((stage.name for stage in waiting), None)

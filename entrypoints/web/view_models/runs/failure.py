"""Why a run failed: the error, its place in the log, what is different this time, and how often it happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from application.ports.queries.reader import Reader
from application.queries.runs.comparison import diff_mappings
from application.queries.runs.error_line import find_error_line
from application.queries.runs.failures import FAILED_STATUSES, find_failed_stage, get_attempts_since_restart, has_failure
from application.queries.views.history import FirstOccurrence
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.formatting import (
    StatusLabel,
    Timestamp,
    format_count,
    format_difference,
    format_timestamp,
    get_status_label,
    pluralize,
)
from entrypoints.web.view_models.runs.stage_links import build_line_link

MAX_ERROR_LENGTH = 4_000
WEEK = timedelta(days=7)
MAX_RUNS = 100
RECENT_RUNS = 7
MAX_CHANGES = 8
MAX_OTHER_RUNS = 10
_ALL = {2: "both", 3: "all three", 4: "all four", 5: "all five"}


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """A difference from the last completed run."""

    kind: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RecentRun:
    """One of the pipeline's last runs. `has_failure` is True if it failed in the same way."""

    number: str
    href: str
    at: Timestamp | None
    status: StatusLabel
    has_failure: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of a run.

    `line` is (number, URL) of the error in the log; `last_completed` is (number, URL) of the comparison with the last completed run;
    `first` is (number, URL, time) of the first run that ever failed in this way, None if it is this run.
    """

    stage: str
    attempt: str
    text: str
    at: Timestamp | None
    line: tuple[str, str] | None
    attempts_summary: str
    last_completed: tuple[str, str] | None
    revision: str
    changes: Sequence[ChangedValue]
    fingerprint: str | None
    title: str
    first: tuple[str, str, Timestamp | None] | None
    recent: Sequence[RecentRun]
    others: Sequence[tuple[str, str]]


async def load_failure(reader: Reader, run: RunView) -> Failure | None:
    """Return the failure of a run that failed or was lost; None for other runs."""
    stage = find_failed_stage(run) if run.status in FAILED_STATUSES else None
    if stage is None:
        return None
    newest = stage.newest
    fingerprint = newest.fingerprint
    since = (run.finished_at or run.created_at) - WEEK
    recent = await reader.runs(pipeline_id=run.pipeline_id, status=None, skip=0, limit=MAX_RUNS, below=run.id + 1, since=since)
    completed = await reader.runs(pipeline_id=run.pipeline_id, status=Status.COMPLETED, skip=0, limit=1, below=run.id)
    last_completed = next(iter(completed), None)
    line = await find_error_line(reader, run)
    first = await reader.first_seen(run.pipeline_id, stage.name, fingerprint) if fingerprint else None
    similar = [each for each in recent if fingerprint and has_failure(each, fingerprint)]
    return Failure(
        stage=stage.name,
        attempt=_describe_attempt(stage, newest),
        text=(newest.error_message or _describe_missing_error(newest))[:MAX_ERROR_LENGTH],
        at=format_timestamp(newest.finished_at),
        line=(f"{line:,}", build_line_link(run.id, stage.name, newest.number, line)) if line else None,
        attempts_summary=_summarize_attempts(stage),
        last_completed=(f"#{last_completed.number}", f"/ui/runs/{last_completed.id}/compare/{run.id}") if last_completed else None,
        revision=_describe_revision(last_completed, run),
        changes=_find_changes(last_completed, run)[:MAX_CHANGES] if last_completed else (),
        fingerprint=fingerprint,
        title=_build_title(len(similar), fingerprint, first, run),
        first=_build_first(first, run),
        recent=[_build_recent_run(each, fingerprint) for each in recent[:RECENT_RUNS][::-1]],
        others=[(f"#{each.number}", f"/ui/runs/{each.id}") for each in similar if each.id != run.id][:MAX_OTHER_RUNS],
    )


def _build_first(first: FirstOccurrence | None, run: RunView) -> tuple[str, str, Timestamp | None] | None:
    if first is None or first.run_id == run.id:
        return None
    return f"#{first.number}", f"/ui/runs/{first.run_id}", format_timestamp(first.at)


def _build_title(similar: int, fingerprint: str | None, first: FirstOccurrence | None, run: RunView) -> str:
    if similar > 1:
        return f"Same failure {pluralize(similar, 'time')} this week"
    return "Never seen before" if fingerprint and first is not None and first.run_id == run.id else "Not seen before this week"


def _describe_attempt(stage: StageRunView, attempt: AttemptView) -> str:
    return f"attempt {attempt.number}" + (f" of {stage.retries + 1}" if stage.retries and attempt.number <= stage.retries + 1 else "")


def _describe_missing_error(attempt: AttemptView) -> str:
    if attempt.status is Status.LOST:
        return "The worker that ran it stopped responding."
    if attempt.reason is Reason.TIMEOUT:
        return "It exceeded its time limit." if attempt.started_at else "No report before its deadline."
    return "It failed without an error message."


def _summarize_attempts(stage: StageRunView) -> str:
    """Return whether the attempts failed in the same way; empty for a single attempt."""
    attempts = get_attempts_since_restart(stage)
    if len(attempts) < 2:
        return ""
    if len({attempt.fingerprint for attempt in attempts}) == 1 and attempts[0].fingerprint:
        count = _ALL.get(len(attempts), f"all {len(attempts)}")
        return f"the same error on {count} attempts, so another automatic retry would not have helped"
    return f"the {len(attempts)} attempts failed in different ways"


def _describe_revision(last_completed: RunView | None, run: RunView) -> str:
    if last_completed is None:
        return ""
    if last_completed.revision == run.revision:
        return f"the same, {run.revision}"
    return f"{last_completed.revision} → {run.revision}"


def _find_changes(last_completed: RunView, run: RunView) -> list[ChangedValue]:
    """Return the parameters and the stages' numbers of records that differ."""
    parameters = [
        ChangedValue("Parameter", each.path, *format_difference(each.before, each.after, each.missing))
        for each in diff_mappings(last_completed.parameters, run.parameters)
    ]
    before = {stage.name: stage.newest.records_processed for stage in last_completed.stages}
    after = {stage.name: stage.newest.records_processed for stage in run.stages}
    records = [
        ChangedValue("Records in", name, format_count(before.get(name)), format_count(count))
        for name, count in after.items()
        if count is not None and count != before.get(name)
    ]
    return parameters + records


def _build_recent_run(run: RunView, fingerprint: str | None) -> RecentRun:
    started = format_timestamp(run.started_at or run.created_at)
    is_same = fingerprint is not None and has_failure(run, fingerprint)
    return RecentRun(f"#{run.number}", f"/ui/runs/{run.id}", started, get_status_label(run.status), is_same)

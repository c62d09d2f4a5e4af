"""Why a run failed: the error, its place in the log, what is different this time, and how often it happened."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports.queries.reader import Reader
from application.queries.explain.attempts import describe_attempt
from application.queries.runs.error_line import find_error_line
from application.queries.runs.failures import FAILED_STATUSES, find_failed_stage, get_attempts_since_restart, has_failure
from application.queries.runs.load_comparison import load_comparison
from application.queries.runs.similar_failures import describe_count, find_similar_failures
from application.queries.views.history import FailureView, FirstOccurrence
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.errors import NotFound
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.formatting import (
    StatusLabel,
    Timestamp,
    format_count,
    format_difference,
    format_timestamp,
    get_status_label,
)
from entrypoints.web.view_models.runs.stage_links import build_line_link

MAX_ERROR_LENGTH = 4_000
RECENT_RUNS = 7
MAX_CHANGES = 8
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
    recent = await reader.runs(pipeline_id=run.pipeline_id, status=None, skip=0, limit=RECENT_RUNS, below=run.id + 1)
    completed = await reader.runs(pipeline_id=run.pipeline_id, status=Status.COMPLETED, skip=0, limit=1, below=run.id)
    last_completed = next(iter(completed), None)
    line = await find_error_line(reader, run)
    first = await reader.first_seen(run.pipeline_id, stage.name, fingerprint) if fingerprint else None
    similar = await find_similar_failures(reader, run, stage)
    return Failure(
        stage=stage.name,
        attempt=describe_attempt(stage, newest),
        text=(newest.error_message or _describe_missing_error(newest))[:MAX_ERROR_LENGTH],
        at=format_timestamp(newest.finished_at),
        line=(f"{line:,}", build_line_link(run.id, stage.name, newest.number, line)) if line else None,
        attempts_summary=_summarize_attempts(stage),
        last_completed=(f"#{last_completed.number}", f"/ui/runs/{last_completed.id}/compare/{run.id}") if last_completed else None,
        revision=_describe_revision(last_completed, run),
        changes=(await _find_changes(reader, last_completed, run))[:MAX_CHANGES] if last_completed else (),
        fingerprint=fingerprint,
        title=_build_title(similar, first, run),
        first=_build_first(first, run),
        recent=[_build_recent_run(each, stage.name, fingerprint) for each in recent[::-1]],
        others=[(f"#{number}", f"/ui/runs/{id}") for id, number in similar.runs if id != run.id] if similar else (),
    )


def _build_first(first: FirstOccurrence | None, run: RunView) -> tuple[str, str, Timestamp | None] | None:
    if first is None or first.run_id == run.id:
        return None
    return f"#{first.number}", f"/ui/runs/{first.run_id}", format_timestamp(first.at)


def _build_title(similar: FailureView | None, first: FirstOccurrence | None, run: RunView) -> str:
    if first is None:
        return "The last runs"
    if first.run_id == run.id and (similar is None or similar.count == 1):
        return "Never seen before"
    return describe_count(similar.count if similar else 0).capitalize()


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


async def _find_changes(reader: Reader, last_completed: RunView, run: RunView) -> list[ChangedValue]:
    """Return the renamed stages, and the parameters and the stages' numbers of records that differ."""
    try:
        comparison = await load_comparison(last_completed, run, reader)
    except NotFound:  # a revision was deleted
        return []
    renames = [ChangedValue("Stage", "renamed", pair.earlier_name, pair.name) for pair in comparison.stages if pair.earlier_name]
    parameters = [
        ChangedValue("Parameter", each.path, *format_difference(each.before, each.after, each.missing)) for each in comparison.parameters
    ]
    records = [
        ChangedValue("Records in", pair.name, format_count(before), format_count(after))
        for pair in comparison.stages
        for before, after in [pair.records]
        if after is not None and after != before
    ]
    return renames + parameters + records


def _build_recent_run(run: RunView, stage: str, fingerprint: str | None) -> RecentRun:
    started = format_timestamp(run.started_at or run.created_at)
    is_same = fingerprint is not None and has_failure(run, stage, fingerprint)
    return RecentRun(f"#{run.number}", f"/ui/runs/{run.id}", started, get_status_label(run.status), is_same)

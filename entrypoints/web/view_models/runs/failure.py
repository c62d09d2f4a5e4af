"""What went wrong in a run: the error, where it is in the log, what is different this time, and how often it was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports.queries.reader import Reader
from application.queries.runs.comparison import diff_mappings
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
from entrypoints.web.view_models.log.pane import error_line

LONGEST_ERROR = 4_000
WEEK = timedelta(days=7)
MOST_RUNS = 100
BARS = 7
MOST_CHANGES = 8
_NUMBERS = {2: "both", 3: "all three", 4: "all four", 5: "all five"}


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One thing that is not as in the last completed run."""

    what: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RecentRun:
    """One of the pipeline's last runs; `again` when it had this failure."""

    number: str
    href: str
    at: Timestamp | None
    status: StatusLabel
    again: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """`line` is (number, address) of the error in the log. `good` is (number, address) of the last completed run's comparison."""

    stage: str
    summary: str
    text: str
    at: Timestamp | None
    line: tuple[str, str] | None
    tries: str
    good: tuple[str, str] | None
    revision: str
    different: Sequence[ChangedValue]
    fingerprint: str | None
    title: str
    first: tuple[str, str, Timestamp | None] | None
    """(number, address, when) of the first run that ever had it; None when that is this one."""
    week: Sequence[RecentRun]
    others: Sequence[tuple[str, str]]


async def load_failure(reader: Reader, run: RunView) -> Failure | None:
    """None unless the run failed or was lost in some stage."""
    stage = find_failed_stage(run) if run.status in FAILED_STATUSES else None
    if stage is None:
        return None
    newest = stage.newest
    since = (run.finished_at or run.created_at) - WEEK
    lately = await reader.runs(pipeline_id=run.pipeline_id, status=None, skip=0, limit=MOST_RUNS, below=run.id + 1, since=since)
    good = next(iter(await reader.runs(pipeline_id=run.pipeline_id, status=Status.COMPLETED, skip=0, limit=1, below=run.id)), None)
    line = await error_line(reader, run)
    mark = newest.fingerprint
    first = await reader.first_seen(run.pipeline_id, stage.name, mark) if mark else None
    alike = [each for each in lately if mark and has_failure(each, mark)]
    return Failure(
        stage=stage.name,
        summary=_summary(stage, newest),
        text=(newest.error_message or _without_words(newest))[:LONGEST_ERROR],
        at=format_timestamp(newest.finished_at),
        line=(f"{line:,}", f"/ui/runs/{run.id}?line={line}#L{line}") if line else None,
        tries=_tries(stage),
        good=(f"#{good.number:,}", f"/ui/runs/{good.id}/compare/{run.id}") if good else None,
        revision=_revision(good, run),
        different=_different(good, run)[:MOST_CHANGES] if good else (),
        fingerprint=mark,
        title=_title(len(alike), mark, first, run),
        first=_first(first, run),
        week=[_seen(each, mark) for each in lately[:BARS][::-1]],
        others=[(f"#{each.number:,}", f"/ui/runs/{each.id}") for each in alike if each.id != run.id][:10],
    )


def _first(first: FirstOccurrence | None, run: RunView) -> tuple[str, str, Timestamp | None] | None:
    if first is None or first.run_id == run.id:
        return None
    return f"#{first.number:,}", f"/ui/runs/{first.run_id}", format_timestamp(first.at)


def _title(alike: int, mark: str | None, first: FirstOccurrence | None, run: RunView) -> str:
    if alike > 1:
        return f"Same failure {pluralize(alike, 'time')} this week"
    return "Never seen before" if mark and first is not None and first.run_id == run.id else "Not seen before this week"


def _summary(stage: StageRunView, attempt: AttemptView) -> str:
    return f"attempt {attempt.number}" + (f" of {stage.retries + 1}" if stage.retries and attempt.number <= stage.retries + 1 else "")


def _without_words(attempt: AttemptView) -> str:
    if attempt.status is Status.LOST:
        return "The worker that ran it stopped answering."
    if attempt.reason is Reason.TIMEOUT:
        return "It took longer than its time limit allows." if attempt.started_at else "Nothing was heard of it before its deadline."
    return "It ended with an error and said nothing more."


def _tries(stage: StageRunView) -> str:
    tries = get_attempts_since_restart(stage)
    if len(tries) < 2:
        return ""
    if len({each.fingerprint for each in tries}) == 1 and tries[0].fingerprint:
        return f"the same on {_NUMBERS.get(len(tries), f'all {len(tries)}')} attempts, so another automatic one would not have helped"
    return f"the {len(tries)} attempts failed in different ways"


def _revision(good: RunView | None, run: RunView) -> str:
    if good is None:
        return ""
    return f"the same, {run.revision}" if good.revision == run.revision else f"{good.revision} → {run.revision}"


def _different(good: RunView, run: RunView) -> list[ChangedValue]:
    parameters = [
        ChangedValue("Parameter", each.path, *format_difference(each.before, each.after, each.missing))
        for each in diff_mappings(good.parameters, run.parameters)
    ]
    before = {stage.name: stage.newest.records_processed for stage in good.stages}
    after = {stage.name: stage.newest.records_processed for stage in run.stages}
    records = [
        ChangedValue("Records in", name, format_count(before.get(name)), format_count(count))
        for name, count in after.items()
        if count is not None and count != before.get(name)
    ]
    return parameters + records


def _seen(run: RunView, mark: str | None) -> RecentRun:
    begun: datetime = run.started_at or run.created_at
    again = bool(mark) and has_failure(run, mark or "")
    return RecentRun(f"#{run.number:,}", f"/ui/runs/{run.id}", format_timestamp(begun), get_status_label(run.status), again)

"""Finds the periods of a run in which it only waited for people, by its attempts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.pipelines.definition import StageKind
from domain.runs.status import Reason, Status


class IdleCause(Enum):
    """The reason for which a run was idle."""

    APPROVAL = "approval"
    RETRY = "retry"
    """A finished run was over until a person retried or skipped a stage."""
    PAUSE = "pause"
    """A flow run is paused in Prefect."""

    @property
    def words(self) -> str:
        """The reason in words, such as "waiting for approval"."""
        return {"approval": "waiting for approval", "retry": "until it was retried", "pause": "paused in Prefect"}[self.value]


@dataclass(frozen=True, slots=True)
class IdlePeriod:
    """A period without any progress. One that lasts ends now."""

    start: datetime
    end: datetime
    cause: IdleCause

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def find_idle_periods(run: RunView, now: datetime) -> list[IdlePeriod]:
    """Return the periods, oldest first, from the creation of the run to its end or now. Pauses in Prefect that ended are not known."""
    end = run.finished_at or now
    attempts = [(stage, attempt) for stage in run.stages for attempt in stage.attempts]
    busy = sorted(span for stage, attempt in attempts if (span := _get_busy_span(run, stage, attempt, end)) is not None)
    approvals = [span for stage, attempt in attempts if (span := _get_approval_span(stage, attempt, end)) is not None]
    retries = [attempt.created_at for _, attempt in attempts if attempt.by_person and attempt.number > 1]
    found = [period for gap in _find_gaps(run.created_at, end, busy) for period in _explain_gap(gap, approvals, retries)]
    if run.idle_since is not None and not run.status.is_terminal and any(stage.newest.reason is Reason.PAUSED for stage in run.stages):
        found.append(IdlePeriod(run.idle_since, now, IdleCause.PAUSE))
    return [period for period in found if period.seconds > 0]


def _get_busy_span(run: RunView, stage: StageRunView, attempt: AttemptView, end: datetime) -> tuple[datetime, datetime] | None:
    """Return when the attempt ran, was queued, or waited for a machine."""
    if stage.kind == StageKind.APPROVAL:
        return None
    if stage.kind == StageKind.EXTERNAL:
        turn = attempt.deadline_at - timedelta(seconds=stage.timeout) if attempt.deadline_at else None
        starts = [at for at in (turn, attempt.started_at) if at is not None]
        start = min(starts) if starts else None
    elif attempt.number > 1 and not attempt.by_person:
        start = attempt.created_at
    else:
        start = _find_turn(run, stage, attempt)
    if attempt.reason is Reason.PAUSED and attempt.status is Status.WAITING and run.idle_since is not None:
        end = run.idle_since
    return (start, max(start, attempt.finished_at or end)) if start is not None else None


def _find_turn(run: RunView, stage: StageRunView, attempt: AttemptView) -> datetime | None:
    """Return when the attempt began to be queued; None if it never was. A grant of slots, or a resumed flow run, sets `queued_at` again."""
    if attempt.queued_at is None:
        return attempt.started_at
    ends = [need.newest.finished_at or attempt.queued_at for need in run.stages if need.name in stage.needs]
    return min(attempt.queued_at, max([attempt.created_at, *ends]))


def _get_approval_span(stage: StageRunView, attempt: AttemptView, end: datetime) -> tuple[datetime, datetime] | None:
    if stage.kind != StageKind.APPROVAL or attempt.deadline_at is None:
        return None
    return attempt.deadline_at - timedelta(seconds=stage.timeout), attempt.finished_at or end


def _find_gaps(start: datetime, end: datetime, busy: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    reached = start
    for busy_start, busy_end in busy:
        if busy_start > reached:
            yield reached, min(busy_start, end)
        reached = max(reached, busy_end)
    if end > reached:
        yield reached, end


def _explain_gap(
    gap: tuple[datetime, datetime], approvals: Sequence[tuple[datetime, datetime]], retries: Sequence[datetime]
) -> Iterator[IdlePeriod]:
    """Return the parts of a gap that approvals or the time before a retry explain."""
    start, end = gap
    spans = [(max(start, since), min(end, until), IdleCause.APPROVAL) for since, until in approvals]
    if reopened := [at for at in retries if start < at <= end]:
        spans.append((start, max(reopened), IdleCause.RETRY))
    reached = start
    for since, until, cause in sorted(spans, key=lambda span: span[:2]):
        if until > max(since, reached):
            yield IdlePeriod(max(since, reached), until, cause)
            reached = until

"""The one sentence that says why a run is where it is, from facts; the same words on the page, in the API and in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from application.queries.views import AttemptView, RunView, StageRunView
from domain.status import Reason, Status


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the sentence; `strong` marks a name, `at` a time, which pages show in their viewer's zone and `text` says in UTC."""

    text: str
    strong: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """`str()` is the plain sentence."""

    parts: Sequence[Part]

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else is true while the sentence is made. `usual` is the median time of each stage and `slow` its 95th percentile, seconds;
    `workers` those that spoke lately in the run's pool; `is_warm` whether the pool is served by Headgate's own workers;
    `engine_answers` None when nobody looked; `silent` the name of each worker, by its id, that has not spoken for too long, and the
    seconds since it did."""

    now: datetime
    workers: int = 0
    free_slots: int = 0
    is_warm: bool = True
    engine_answers: bool | None = None
    usual: Mapping[str, float] = field(default_factory=dict)
    slow: Mapping[str, float] = field(default_factory=dict)
    silent: Mapping[str, tuple[str, float]] = field(default_factory=dict)


def explain(run: RunView, around: Surroundings) -> Why:
    """Why the run is where it is, or how it ended."""
    sentence = _ENDED[run.status](run) if run.status.is_terminal else _under_way(run, around)
    return Why([part for part in sentence if part.text])


def _under_way(run: RunView, around: Surroundings) -> list[Part]:
    if run.stop_requested_at is not None:
        names = _names([stage for stage in run.stages if stage.status is Status.RUNNING])
        return [Part("Stopping: "), *names, Part(" is being ended by its worker.")]
    running = [stage for stage in run.stages if stage.status is Status.RUNNING]
    if running:
        return _running(run, running, around)
    retrying = [stage for stage in run.stages if stage.status is Status.WAITING and stage.newest.reason is Reason.RETRY]
    if retrying:
        return _retrying(retrying[0], around)
    if any(stage.status is Status.QUEUED for stage in run.stages):
        return _queued(run, around)
    waiting = [stage for stage in run.stages if stage.status is Status.WAITING]
    approvals = [stage for stage in waiting if stage.newest.reason is Reason.APPROVAL]
    if approvals:
        return _for_approval(approvals, around)
    awaited = next((stage for stage in waiting if stage.newest.deadline_at is not None), waiting[0] if waiting else None)
    if awaited is None:
        return [Part("Nothing of it has started yet.")]
    parts = [Part("Waiting for a report about "), Part(awaited.name, True), Part(" from a machine")]
    if awaited.waits_since:
        parts += [Part(" since "), _time(awaited.waits_since, around.now)]
    deadline = awaited.newest.deadline_at
    return [*parts, Part(f"; without one it fails in {duration(deadline, around.now)}." if deadline else ".")]


def _for_approval(stages: Sequence[StageRunView], around: Surroundings) -> list[Part]:
    newest = stages[0].newest
    asked = stages[0].waits_since or newest.created_at
    by = f" by {' or '.join(stages[0].approvers)}" if stages[0].approvers else ""
    parts = [Part("Waiting for approval of "), *_names(stages), Part(f"{by} since "), _time(asked, around.now)]
    return [*parts, Part(f"; it fails in {duration(newest.deadline_at, around.now)} without one." if newest.deadline_at else ".")]


def _running(run: RunView, running: Sequence[StageRunView], around: Surroundings) -> list[Part]:
    stage = running[0]
    since = stage.newest.started_at or run.created_at
    verb = " has been running for " if len(running) == 1 else " are running, the first for "
    parts = [*_names(running), Part(f"{verb}{duration(around.now, since)}")]
    usual = around.usual.get(stage.name)
    if stage.newest.stop_requested_at is not None:
        return [Part(stage.name, True), Part(" was cancelled by a person, and is being ended by its worker.")]
    if (silence := _silence(running, around)) is not None:
        return [*parts, *silence]
    late = around.slow.get(stage.name)
    took = (around.now - since).total_seconds()
    if late is not None and took > late and len(running) == 1:
        parts.append(Part(f", later than usual: 19 of 20 times it is done within {seconds(late)}"))
    elif usual is not None and len(running) == 1:
        parts.append(Part(f"; it usually takes {seconds(usual)}"))
    following = [other for other in run.stages if other.status is Status.PENDING and stage.name in other.needs]
    if following:
        verb = "comes" if len(following) == 1 else "come"
        return [*parts, Part(". "), *_names(following), Part(f" {verb} next.")]
    return [*parts, Part(".")]


def _silence(running: Sequence[StageRunView], around: Surroundings) -> list[Part] | None:
    """Of the worker that carries one of them; what it runs is lost once its lease has run out."""
    found = next((around.silent[worker] for stage in running if (worker := stage.newest.worker or "") in around.silent), None)
    if found is None:
        return None
    name, since = found
    told = f" has not been heard of for {seconds(since)}, and is given up as lost if that lasts."
    return [Part("; its worker "), Part(name, True), Part(told)]


def _retrying(stage: StageRunView, around: Surroundings) -> list[Part]:
    due = stage.newest.due_at
    earlier = stage.attempts[-2] if len(stage.attempts) > 1 else stage.newest
    when = f"in {duration(due, around.now)}" if due and due > around.now else "now"
    said = f", after {_reason_of(earlier)}" if earlier is not stage.newest else ""
    return [Part(stage.name, True), Part(f" is tried again {when}{said} on attempt {earlier.number} of {stage.retries + 1}.")]


def _queued(run: RunView, around: Surroundings) -> list[Part]:
    waited = duration(around.now, run.burst_requested_at or run.created_at)
    if around.is_warm:
        if not around.workers:
            return [Part("Queued: no worker of pool "), Part(run.pool, True), Part(f" has answered for {waited}; it starts when one does.")]
        if not around.free_slots:
            return [Part("Queued: every slot of pool "), Part(run.pool, True), Part(f" is taken; it has waited for {waited}.")]
        return [Part(f"Queued for {waited}: a worker of pool "), Part(run.pool, True), Part(" is about to take it.")]
    if run.refusal:
        return [
            Part(f"Queued for {waited}: Prefect refuses it ("),
            Part(run.refusal.rstrip(".")[:200]),
            Part("); it is tried again within the hour."),
        ]
    if run.unrecorded:
        answer = "does not answer" if around.engine_answers is False else "has not been told of it"
        return [
            Part(f"Queued for {waited}: Prefect {answer} yet; it starts when a worker of pool "),
            Part(run.pool, True),
            Part(" takes it."),
        ]
    return [Part(f"Queued for {waited}: Prefect has it, and a worker of pool "), Part(run.pool, True), Part(" has to take it.")]


def _completed(run: RunView) -> list[Part]:
    forgiven = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST)]
    if forgiven:
        return [Part("Completed; "), *_names(forgiven), Part(" did not, and was allowed to.")]
    took = duration(run.finished_at, run.started_at) if run.finished_at and run.started_at else ""
    return [Part(f"Completed in {took}." if took else "Completed.")]


def _failed(run: RunView) -> list[Part]:
    failed = [stage for stage in run.stages if stage.status is Status.FAILED and not stage.allow_failure]
    if not failed:
        return [Part("Failed: "), Part(f"{run.actor or 'a report'} said so of the run as a whole.")]
    newest = failed[0].newest
    if newest.reason is Reason.REJECTED:
        return [Part("Failed: "), Part(failed[0].name, True), Part(f" was rejected{_told(newest)}.")]
    tries = f" on attempt {newest.number} of {newest.number}" if newest.number > 1 else ""
    return [Part("Failed: "), Part(failed[0].name, True), Part(f" ended with {_reason_of(newest)}{tries}."), *_what_a_retry_does(run)]


def _told(attempt: AttemptView) -> str:
    said = (attempt.error_message or "").removeprefix("Rejected").strip(" .")
    return f" {said}"[:200] if said else ""


def _what_a_retry_does(run: RunView) -> list[Part]:
    kept = sum(stage.status is Status.COMPLETED for stage in run.stages)
    again = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST) and not stage.allow_failure]
    if not kept or not again:
        return []
    stages = "the stage that completed" if kept == 1 else f"the {kept} stages that completed"
    return [Part(f" A retry keeps {stages} and begins at "), *_names(again[:1]), Part(".")]


def _cancelled(run: RunView) -> list[Part]:
    reached = [stage for stage in run.stages if stage.status is Status.CANCELLED]
    return [
        Part("Cancelled"),
        *([Part(" before "), Part(reached[0].name, True), Part(" had completed")] if reached else []),
        Part("."),
        *_begins_at(reached),
    ]


def _lost(run: RunView) -> list[Part]:
    lost = [stage for stage in run.stages if stage.status is Status.LOST]
    at = lost[0].newest.finished_at if lost else None
    where = [Part(" in "), Part(lost[0].name, True)] if lost else []
    when = [Part(" at "), Part(f"{at:%H:%M:%S} UTC", at=at)] if at else []
    look = [Part(" How far it came is not known: see its log first.")] if lost else []
    return [Part("Lost: the worker stopped answering"), *where, *when, Part("."), *look, *_begins_at(lost)]


def _begins_at(stages: Sequence[StageRunView]) -> list[Part]:
    return [Part(" A retry begins at "), Part(stages[0].name, True), Part(".")] if stages else []


_ENDED = {
    Status.COMPLETED: _completed,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.LOST: _lost,
    Status.SKIPPED: _completed,
}


def _reason_of(attempt: AttemptView) -> str:
    if attempt.reason is Reason.TIMEOUT:
        return "its time limit" if attempt.started_at else "no worker or report before its deadline"
    if attempt.status is Status.LOST:
        return "the worker gone"
    first_line = (attempt.error_message or "").strip().split("\n")[0]
    return first_line[:160].rstrip(".") if first_line else "an error"


def _names(stages: Sequence[StageRunView]) -> list[Part]:
    parts: list[Part] = []
    for index, stage in enumerate(stages):
        if index:
            parts.append(Part(" and " if index == len(stages) - 1 else ", "))
        parts.append(Part(stage.name, True))
    return parts


def _time(at: datetime, now: datetime) -> Part:
    return Part(f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at.day} {at:%b %H:%M} UTC", at=at)


def duration(later: datetime, earlier: datetime) -> str:
    return seconds(abs((later - earlier).total_seconds()))


def seconds(value: float) -> str:
    """A duration as people say it: "0.4 s", "31 s", "2 m 14 s", "1 h 05 m", "3 d 4 h"."""
    if value < 10:
        return f"{value:.1f} s" if value % 1 and value < 9.95 else f"{value:.0f} s"
    whole = round(value)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{minutes} m {rest:02d} s" if rest else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} m" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"

"""Why a run that is not over is where it is."""

from collections.abc import Sequence

from application.queries.sentences import Part, Surroundings, duration, names, reason_of, seconds, time_part
from application.queries.views import RunView, StageRunView
from application.queries.why_queued import queued, what_holds
from domain.status import Reason, Status


def under_way(run: RunView, around: Surroundings) -> list[Part]:
    """What runs comes first, then what is tried again, what is queued, and last what waits for somebody."""
    running = _in(run, Status.RUNNING)
    waiting = _in(run, Status.WAITING)
    retrying = [stage for stage in waiting if stage.newest.reason is Reason.RETRY]
    if run.stop_requested_at is not None:
        return _stopping(run, running, around)
    if running:
        return [*_running(run, running, around), *_beside(run, waiting, around)]
    if retrying:
        return _retrying(retrying[0], around)
    if _in(run, Status.QUEUED):
        return queued(run, around)
    if approvals := _approvals(waiting):
        return _for_approval(approvals, around)
    awaited = next((stage for stage in waiting if stage.newest.deadline_at is not None), waiting[0] if waiting else None)
    return _for_report(awaited, around) if awaited else [Part("Nothing of it has started yet.")]


def _in(run: RunView, status: Status) -> list[StageRunView]:
    return [stage for stage in run.stages if stage.status is status]


def _approvals(waiting: Sequence[StageRunView]) -> list[StageRunView]:
    return [stage for stage in waiting if stage.newest.reason is Reason.APPROVAL]


def _stopping(run: RunView, running: Sequence[StageRunView], around: Surroundings) -> list[Part]:
    asked = run.stop_requested_at
    since = f" for {duration(around.now, asked)}" if asked is not None and (around.now - asked).total_seconds() >= 1 else ""
    if not running:
        return [Part(f"Stopping{since}: what it had begun is being ended.")]
    ended = " is being ended by its worker" if len(running) == 1 else " are being ended by their worker"
    return [Part(f"Stopping{since}: "), *names(running), Part(ended), *(_silence(running, around) or [Part(".")])]


def _for_report(stage: StageRunView, around: Surroundings) -> list[Part]:
    parts = [Part("Waiting for a report about "), Part(stage.name, True), Part(" from a machine")]
    if stage.waits_since:
        parts += [Part(" since "), time_part(stage.waits_since, around.now)]
    deadline = stage.newest.deadline_at
    return [*parts, Part(f"; without one it fails in {duration(deadline, around.now)}." if deadline else ".")]


def _for_approval(stages: Sequence[StageRunView], around: Surroundings) -> list[Part]:
    newest = stages[0].newest
    asked = stages[0].waits_since or newest.created_at
    by = f" by {' or '.join(stages[0].approvers)}" if stages[0].approvers else ""
    parts = [Part("Waiting for approval of "), *names(stages), Part(f"{by} since "), time_part(asked, around.now)]
    return [*parts, Part(f"; it fails in {duration(newest.deadline_at, around.now)} without one." if newest.deadline_at else ".")]


def _running(run: RunView, running: Sequence[StageRunView], around: Surroundings) -> list[Part]:
    stage = running[0]
    since = stage.newest.started_at or run.created_at
    verb = " has been running for " if len(running) == 1 else " are running, the first for "
    parts = [*names(running), Part(f"{verb}{duration(around.now, since)}")]
    if (stopped := next((each for each in running if each.newest.stop_requested_at is not None), None)) is not None:
        asked = [Part(stopped.name, True), Part(" was cancelled by a person, and is being ended by its worker")]
        return [*asked, *(_silence([stopped], around) or [Part(".")])]
    if (silence := _silence(running, around)) is not None:
        return [*parts, *silence]
    parts += _compared(run, running, around)
    following = [other for other in run.stages if other.status is Status.PENDING and stage.name in other.needs]
    if following:
        verb = "comes" if len(following) == 1 else "come"
        return [*parts, Part(". "), *names(following), Part(f" {verb} next.")]
    return [*parts, Part(".")]


def _compared(run: RunView, running: Sequence[StageRunView], around: Surroundings) -> list[Part]:
    """With its usual time; of several, the first that is late."""
    is_alone = len(running) == 1
    for stage in running:
        took = (around.now - (stage.newest.started_at or run.created_at)).total_seconds()
        slow = around.slow.get(stage.name)
        if slow is not None and took > slow:
            who = [] if is_alone else [Part(stage.name, True), Part(" is ")]
            return [Part(", " if is_alone else "; "), *who, Part(f"later than usual: 19 of 20 times it is done within {seconds(slow)}")]
    usual = around.usual.get(running[0].name) if is_alone else None
    return [Part(f"; it usually takes {seconds(usual)}")] if usual is not None else []


def _beside(run: RunView, waiting: Sequence[StageRunView], around: Surroundings) -> list[Part]:
    """What does not go on while something runs."""
    if held := _in(run, Status.QUEUED):
        return [Part(" "), *names(held), Part(" is queued: " if len(held) == 1 else " are queued: "), *what_holds(run, around)]
    if asked := _approvals(waiting):
        return [Part(" "), *names(asked), Part(" waits for approval." if len(asked) == 1 else " wait for approval.")]
    return []


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
    said = f", after {reason_of(earlier)}" if earlier is not stage.newest else ""
    return [Part(stage.name, True), Part(f" is tried again {when}{said} on attempt {earlier.number} of {stage.retries + 1}.")]

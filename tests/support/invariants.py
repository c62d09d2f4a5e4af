"""Checks the invariants of runs, for simulated and for real systems.

The checks read views and events and share no code with the domain: the rules are written here a second time.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from application.ports.queries.reader import Reader
from application.queries.views.events import EventView
from application.queries.views.runs import AttemptView, RunView, StageRunView

LOST, STUCK, DOUBLED, WRONG = "lost", "stuck", "doubled", "wrong"
ENDS = frozenset({"completed", "failed", "cancelled", "skipped", "lost"})
MOVES = {
    None: {"queued", "waiting", "skipped", "cancelled"},
    "queued": {"running", "cancelled", "failed", "lost"},
    "running": {"waiting", "completed", "failed", "cancelled", "lost"},
    "waiting": {"queued", "running", "completed", "failed", "skipped", "cancelled", "lost"},
}
PAGE = 1_000
ROUNDING = 1e-6
"""Seconds by which the sum of a run's idle periods may differ from exact times."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant. `kind` is lost, stuck, doubled or wrong."""

    kind: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An acknowledged request: a run was opened (`seq` 1, no status), or a report or a cancellation was applied as event `seq`.

    `mark` is unique text in the report's message, which shows whether the report was applied twice.
    """

    run_id: int
    seq: int | None = None
    stage: str | None = None
    status: str | None = None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The stored runs and events. `starts` counts how often the work of (run id, stage, attempt) began on any worker."""

    runs: Sequence[RunView]
    events: Mapping[int, Sequence[EventView]]
    acknowledged: Sequence[Acknowledged] = ()
    starts: Mapping[tuple[int, str, int], int] = field(default_factory=dict)


async def collect_runs_and_events(
    reader: Reader, run_ids: Collection[int] | None = None
) -> tuple[list[RunView], dict[int, list[EventView]]]:
    """Return runs, oldest first, and all their events. Without `run_ids`, return all runs."""
    runs: list[RunView] = []
    while page := await reader.runs(pipeline_id=None, status=None, skip=len(runs), limit=PAGE):
        runs += page
    chosen = sorted((run for run in runs if run_ids is None or run.id in run_ids), key=lambda run: run.id)
    events: dict[int, list[EventView]] = {run.id: [] for run in chosen}
    for run_id, found in events.items():
        while part := await reader.events(run_id, len(found), PAGE):
            found += part
    return chosen, events


def violations(evidence: Evidence) -> list[Violation]:
    """Return the broken invariants that must hold at any time."""
    found: list[Violation] = []
    for run in evidence.runs:
        events = evidence.events[run.id]
        found += _check_log(run, events)
        found += _check_dispatches(run, events)
        found += _check_moves(run, events)
        found += _check_status(run)
        found += _check_idle_time(run, events)
    found += _check_acknowledged(evidence)
    found += _check_starts(evidence)
    return found


def overdue(run: RunView, now: datetime, *, grace: float) -> list[Violation]:
    """Return violations of an unfinished run: no next step, no deadline, or a deadline passed by more than `grace` seconds."""
    if run.status in ENDS:
        return []
    return [Violation(STUCK, f"run {run.id}: {sentence}") for sentence in _find_dead_ends(run, now - timedelta(seconds=grace))]


def unfinished(runs: Sequence[RunView]) -> list[Violation]:
    """Return the runs that are not finished, for the end of a test."""
    return [
        Violation(
            STUCK,
            f"run {run.id} is {run.status} with {', '.join(f'{s.name} {s.status}' for s in run.stages)}, dispatch {run.dispatch_state}",
        )
        for run in runs
        if run.status not in ENDS or any(stage.status not in ENDS for stage in run.stages) or run.dispatch_state != "none"
    ]


def _check_log(run: RunView, events: Sequence[EventView]) -> Iterator[Violation]:
    seqs = [event.seq for event in events]
    if seqs != list(range(1, run.last_seq + 1)):
        yield Violation(WRONG, f"run {run.id}: its events are numbered {seqs}, and the run says {run.last_seq}")


def _check_dispatches(run: RunView, events: Sequence[EventView]) -> Iterator[Violation]:
    """Check that at most one dispatch is open, that they are numbered 1, 2, 3…, and that each is requested, claimed and closed in order."""
    open_epoch, state, newest = None, "none", 0
    steps = {"dispatch.requested": "none", "dispatch.claimed": "requested", "dispatch.ended": "claimed", "dispatch.lost": "claimed"}
    for event in events:
        if not event.type.startswith("dispatch."):
            continue
        number = event.data.get("dispatch")
        allowed = state == steps.get(event.type, "requested") and (number == newest + 1 if state == "none" else number == open_epoch)
        if not allowed:
            yield Violation(DOUBLED, f"run {run.id}: {event.type} {number} while dispatch {open_epoch} is {state} (event {event.seq})")
        if event.type == "dispatch.requested":
            open_epoch, state, newest = number, "requested", max(newest, int(number or 0))
        elif event.type == "dispatch.claimed":
            state = "claimed"
        else:
            open_epoch, state = None, "none"
    if (state, newest) != (run.dispatch_state, run.dispatch_epoch):
        yield Violation(WRONG, f"run {run.id}: its log has dispatch {newest} {state}, the run {run.dispatch_epoch} {run.dispatch_state}")


def _check_moves(run: RunView, events: Sequence[EventView]) -> Iterator[Violation]:
    """Check that attempts move along `MOVES` and in order, and that the stored statuses equal the last events."""
    at: dict[tuple[str, int], str] = {}
    for event in events:
        if event.type != "stage.moved" or event.stage is None or event.attempt is None or event.status is None:
            continue
        key = (event.stage, event.attempt)
        before = at.get(key)
        if event.status not in MOVES.get(before, set()):
            kind = DOUBLED if event.status == "running" else WRONG
            yield Violation(kind, f"run {run.id}: attempt {event.attempt} of {event.stage} went from {before} to {event.status}")
        earlier = at.get((event.stage, event.attempt - 1), "completed" if event.attempt == 1 else None)
        if before is None and earlier not in ENDS:
            yield Violation(DOUBLED, f"run {run.id}: attempt {event.attempt} of {event.stage} began while the one before was {earlier}")
        at[key] = event.status.value
    stored = {(stage.name, attempt.number): attempt.status.value for stage in run.stages for attempt in stage.attempts}
    if {key: status for key, status in stored.items() if status != "pending"} != at:
        yield Violation(WRONG, f"run {run.id}: its log says {at}, its stages {stored}")
    ended = [event.seq for event in events if event.type == "run.moved" and event.status in ENDS]
    reopened = [event.seq for event in events if event.type == "run.reopened"]
    if len(ended) > 1 + len(reopened):
        yield Violation(WRONG, f"run {run.id} finished {len(ended)} times, in events {ended}; it was reopened in {reopened}")


def _check_status(run: RunView) -> Iterator[Violation]:
    expected = expected_status(run)
    if run.status != expected:
        yield Violation(WRONG, f"run {run.id} is {run.status}; by its stages it is {expected}")


def _check_idle_time(run: RunView, events: Sequence[EventView]) -> Iterator[Violation]:
    """Check that a run is idle for at most as long as it has existed since its start, and only while it waits for people.

    Where the times of its events go back, because clocks differ, it may be idle for that much longer.
    """
    if run.idle_seconds < 0:
        yield Violation(WRONG, f"run {run.id} was idle for {run.idle_seconds} s")
    if run.started_at is None and (run.idle_seconds or run.idle_since):
        yield Violation(WRONG, f"run {run.id} was idle before it started")
    asked = [stage.name for stage in run.stages if stage.status == "waiting" and stage.newest.reason in ("approval", "paused")]
    if run.idle_since is not None and (run.status != "waiting" or not asked):
        yield Violation(WRONG, f"run {run.id} is {run.status} and waits for {asked}, and has been idle since {run.idle_since}")
    newest = max([run.finished_at or event.at for event in events], default=run.finished_at)
    if run.started_at is not None and newest is not None:
        elapsed = (newest - run.started_at).total_seconds()
        skew = sum(max(0.0, (earlier.at - later.at).total_seconds()) for earlier, later in pairwise(events))
        if run.idle_seconds > elapsed + skew + ROUNDING:
            times = f"{elapsed} s since its start, with clocks that went back by {skew} s"
            yield Violation(WRONG, f"run {run.id} was idle for {run.idle_seconds} s of the {times}")


def expected_status(run: RunView) -> str:
    """Compute a run's status from its stages and its verdict."""
    statuses = {stage.status.value for stage in run.stages}
    if "running" in statuses:
        return "running"
    if (
        run.slot_state == "waiting"
        or "queued" in statuses
        or any(stage.newest.reason == "retry" and stage.status == "waiting" for stage in run.stages)
    ):
        return "running" if run.started_at else "queued"
    if not statuses <= ENDS:
        return "waiting" if "waiting" in statuses else "pending"
    if run.verdict is not None:
        return run.verdict.value
    counted = [stage.status.value for stage in run.stages if not (stage.allow_failure and stage.status in ("failed", "lost"))]
    return next((end for end in ("lost", "failed", "cancelled") if end in counted), "completed")


def _check_acknowledged(evidence: Evidence) -> Iterator[Violation]:
    stored = {(event.run_id, event.seq): event for events in evidence.events.values() for event in events}
    known = {run.id for run in evidence.runs}
    for promise in evidence.acknowledged:
        if promise.run_id not in known:
            yield Violation(LOST, f"run {promise.run_id} was acknowledged and is not stored")
        elif promise.seq is not None:
            event = stored.get((promise.run_id, promise.seq))
            if event is None or (event.stage, event.status) != (promise.stage, promise.status):
                yield Violation(LOST, f"{promise} was acknowledged, and that event is {event}")
    marks = Counter(event.data.get("message") for event in stored.values() if event.type == "stage.progress")
    for promise in evidence.acknowledged:
        if promise.mark is not None and marks[promise.mark] > 1:
            yield Violation(DOUBLED, f"the report {promise.mark} was applied {marks[promise.mark]} times")


def _check_starts(evidence: Evidence) -> Iterator[Violation]:
    began = {
        (event.run_id, event.stage, event.attempt)
        for events in evidence.events.values()
        for event in events
        if event.type == "stage.moved" and event.status == "running"
    }
    for (run_id, stage, attempt), count in evidence.starts.items():
        if count > 1:
            yield Violation(DOUBLED, f"run {run_id}: attempt {attempt} of {stage} was started {count} times")
        if (run_id, stage, attempt) not in began:
            yield Violation(WRONG, f"run {run_id}: attempt {attempt} of {stage} was started though it never was running")


def _find_dead_ends(run: RunView, now: datetime) -> Iterator[str]:
    by_name = {stage.name: stage for stage in run.stages}
    if all(stage.status in ENDS for stage in run.stages):
        yield "every stage is finished, but the run is not"
    for stage in run.stages:
        attempt = stage.newest
        if attempt.deadline_at is not None and stage.status not in ENDS and attempt.deadline_at < now:
            yield f"{stage.name} is {stage.status} past its deadline {attempt.deadline_at:%H:%M:%S}"
        sentence = _find_missing_step(run, stage, attempt, by_name)
        if sentence:
            yield f"{stage.name} is {stage.status} {sentence}"
        if attempt.due_at is not None and stage.status == "waiting" and attempt.due_at < now:
            yield f"{stage.name} waits for a retry that was due at {attempt.due_at:%H:%M:%S}"


def _find_missing_step(run: RunView, stage: StageRunView, attempt: AttemptView, by_name: Mapping[str, StageRunView]) -> str | None:
    if stage.status == "queued":
        if attempt.deadline_at is None:
            return "without a deadline"
        return "and no dispatch is open" if run.dispatch_state == "none" and attempt.reason != "limit" else None
    needs_finished = all(by_name[need].status in ENDS for need in stage.needs)
    if stage.status == "running" and stage.kind != "external":
        if attempt.deadline_at is None:
            return "without a deadline"
        return "and no worker holds its dispatch" if run.dispatch_state != "claimed" else None
    if stage.status == "waiting" and attempt.due_at is not None:
        return None
    if stage.status in ("running", "waiting") and attempt.deadline_at is None and needs_finished:
        return "without a deadline, though its needs are finished"
    if stage.status == "pending" and needs_finished:
        return "though its needs are finished"
    return None

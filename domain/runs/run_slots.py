"""Take, request and give back the slots of a run and of its stages."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from domain.concurrency.allocation import TakenSlots
from domain.concurrency.bucket import Bucket, get_run_buckets, get_stage_buckets
from domain.concurrency.slots import SLOT_TIMEOUT, SlotChange, SlotState
from domain.errors import Conflict
from domain.pipelines.definition import QUEUE_TIMEOUT, StageKind
from domain.runs.events import EventType
from domain.runs.readiness import Readiness, get_readiness
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status

if TYPE_CHECKING:
    from domain.runs.run import Run

_NOT_TAKEN = TakenSlots(False)


def is_limited(run: "Run") -> bool:
    """Return True if the run needs slots. Reports are never limited, so the runs that they open are not."""
    return bool(run.definition.concurrency) and not run.trigger.is_report


def get_buckets(run: "Run", position: int | None) -> tuple[Bucket, ...]:
    """Return the buckets of which the run, or its stage at this position, needs a slot each."""
    if position is None:
        return get_run_buckets(run.pipeline_id, run.definition, run.parameters)
    return get_stage_buckets(run.definition.stages[position])


def waits_for_slots(run: "Run", position: int | None) -> bool:
    """Return True if the run, or its stage at this position, has a request for slots."""
    if position is None:
        return run.slot_state is SlotState.WAITING
    stages = list(run.stages.values())
    return run.slot_state is not SlotState.WAITING and 0 <= position < len(stages) and _waits_for_own_slots(stages[position])


def find_waiting_positions(run: "Run") -> list[int | None]:
    """Return what has a request for slots: the run (None), or the positions of its stages."""
    return [position for position in (None, *range(len(run.stages))) if waits_for_slots(run, position)]


def find_waiting_buckets(run: "Run") -> list[Bucket]:
    """Return the buckets in which the run and its stages wait for a slot."""
    return [bucket for position in find_waiting_positions(run) for bucket in get_buckets(run, position)]


def find_held_buckets(run: "Run") -> list[Bucket]:
    """Return the buckets in which the run and its stages hold a slot."""
    held: list[int | None] = [None] if run.slot_state is SlotState.HELD else []
    held += [position for position, stage in enumerate(run.stages.values()) if _holds_own_slots(stage)]
    return [bucket for position in held for bucket in get_buckets(run, position)]


def acquire_run_slots(run: "Run", now: datetime) -> None:
    """Take the run's slots if it opens and they are free; request them otherwise, unless it has them or waits for them already."""
    if not is_limited(run) or run.slot_state in (SlotState.HELD, SlotState.WAITING):
        return
    buckets = get_buckets(run, None)
    taken = run.opening_slots.take(buckets) if run.opening_slots is not None else _NOT_TAKEN
    run.slot_state = SlotState.HELD if taken.held else SlotState.WAITING
    _change(run, None, run.slot_state, now, buckets, taken.over_limit)
    if taken.over_limit:
        run.record(EventType.RUN_GRANTED, now, actor=run.trigger.actor, data={"over_limit": True, "waited": 0.0})
    elif not taken.held:
        run.record(EventType.RUN_LIMITED, now, data={"buckets": [bucket.name for bucket in buckets]})


def acquire_stage_slots(run: "Run", stage: StageRun, now: datetime) -> bool:
    """Take or request the slots that the stage needs to start: those of its run first, then its own. Return True if it has all."""
    acquire_run_slots(run, now)
    return run.slot_state is not SlotState.WAITING and _acquire_own_slots(run, stage, now)


def release_stage_slots(run: "Run", stage: StageRun, now: datetime) -> None:
    """Give back the stage's own slots, or drop its request."""
    if stage.definition.uses:
        _change(run, _get_position(run, stage), SlotState.NONE, now)


def release_run_slots(run: "Run", now: datetime) -> None:
    """Give back the run's slots, or drop its request, if it does not need them now."""
    if not is_limited(run) or all(stage.is_over for stage in run.stages.values()):
        _leave(run, SlotState.NONE, now)
    elif run.stop_requested_at is not None:
        if run.slot_state is SlotState.WAITING:
            _leave(run, SlotState.NONE, now)
    elif _waits_for_approvals_only(run):
        _leave(run, SlotState.RELEASED, now)


def grant_slots(run: "Run", position: int | None, now: datetime, over_limit: bool, actor: str | None) -> None:
    """Give the slots to the run, or to its stage at this position, and let the stages start that wait for nothing else.

    Raises Conflict `not_limited`.
    """
    if not waits_for_slots(run, position):
        raise Conflict("not_limited", f"{run.name} does not wait for a slot.", {"status": run.status})
    _change(run, position, SlotState.HELD, now, get_buckets(run, position), over_limit)
    stage = list(run.stages.values())[position] if position is not None else None
    waiting = [stage] if stage is not None else [each for each in run.stages.values() if is_waiting_for_slots(each)]
    since = min((each.current.queued_at for each in waiting if each.current.queued_at is not None), default=now)
    data = {"over_limit": over_limit, "waited": (now - since).total_seconds()}
    run.record(EventType.STAGE_GRANTED if stage else EventType.RUN_GRANTED, now, stage=stage, actor=actor, data=data)
    if stage is None:
        run.slot_state = SlotState.HELD
        _restart_external_timeouts(run, now)
    for each in waiting:
        if each is stage or _acquire_own_slots(run, each, now):
            _let_start(each, now)
    run.propagate(now)


def start_over_limit(run: "Run", name: str | None, now: datetime, actor: str | None) -> list[str]:
    """Give the stage, or without a name the run and all its stages, the slots that they wait for. Return the stages that waited.

    Raises NotFound for an unknown stage; Conflict `not_limited` if nothing waits.
    """
    chosen = [run.get_stage(name)] if name is not None else list(run.stages.values())
    waiting = [stage for stage in chosen if is_waiting_for_slots(stage)]
    if run.slot_state is SlotState.WAITING and (waiting or name is None):
        grant_slots(run, None, now, True, actor)
    elif not waiting:
        raise Conflict("not_limited", f"{name or run.name} does not wait for a slot.", {"status": run.status})
    for stage in waiting:
        if is_waiting_for_slots(stage):
            grant_slots(run, _get_position(run, stage), now, True, actor)
    return [stage.name for stage in waiting]


def drop_request(run: "Run", position: int | None, now: datetime) -> None:
    """Store once more what the run, or its stage at this position, holds or waits for, in place of an outdated request."""
    if waits_for_slots(run, position):
        _change(run, position, SlotState.WAITING, now, get_buckets(run, position))
    elif not holds_slots(run, position):
        _change(run, position, SlotState.NONE, now)


def holds_slots(run: "Run", position: int | None) -> bool:
    """Return True if the run, or its stage at this position, holds slots."""
    if position is None:
        return run.slot_state is SlotState.HELD
    stages = list(run.stages.values())
    return 0 <= position < len(stages) and _holds_own_slots(stages[position])


def get_queue_deadline(now: datetime, has_slots: bool) -> datetime:
    """Return when a queued stage fails: a stage that waits for slots has a deadline of its own."""
    return now + timedelta(seconds=QUEUE_TIMEOUT if has_slots else SLOT_TIMEOUT)


def is_waiting_for_slots(stage: StageRun) -> bool:
    """Return True if the stage waits for slots: its own, or those of its run."""
    return stage.status is Status.QUEUED and stage.current.reason is Reason.LIMIT


def occupies_slots(status: Status, reason: Reason | None) -> bool:
    """Return True if a stage of this status holds its own slots, or has requested them."""
    return status in (Status.QUEUED, Status.RUNNING) or (status is Status.WAITING and reason is Reason.PAUSED)


def _waits_for_own_slots(stage: StageRun) -> bool:
    return is_waiting_for_slots(stage) and bool(stage.definition.uses)


def _holds_own_slots(stage: StageRun) -> bool:
    is_held = occupies_slots(stage.status, stage.current.reason) and stage.current.reason is not Reason.LIMIT
    return bool(stage.definition.uses) and is_held


def _acquire_own_slots(run: "Run", stage: StageRun, now: datetime) -> bool:
    if not stage.definition.uses:
        return True
    buckets = get_stage_buckets(stage.definition)
    taken = run.opening_slots.take(buckets) if run.opening_slots is not None else _NOT_TAKEN
    state = SlotState.HELD if taken.held else SlotState.WAITING
    _change(run, _get_position(run, stage), state, now, buckets, taken.over_limit)
    return taken.held


def _let_start(stage: StageRun, now: datetime) -> None:
    attempt = stage.current
    attempt.reason, attempt.queued_at, attempt.deadline_at = None, now, get_queue_deadline(now, has_slots=True)


def _restart_external_timeouts(run: "Run", now: datetime) -> None:
    """Let the timeouts of external stages begin, which had the deadline of the request while the run waited for slots."""
    for stage in run.stages.values():
        if stage.current.reason is Reason.EXTERNAL and stage.current.deadline_at is not None and not stage.is_over:
            stage.current.deadline_at = now + timedelta(seconds=stage.definition.timeout)


def _leave(run: "Run", state: SlotState, now: datetime) -> None:
    if run.slot_state in (SlotState.WAITING, SlotState.HELD):
        _change(run, None, SlotState.NONE, now)
    run.slot_state = state


def _change(
    run: "Run", position: int | None, state: SlotState, now: datetime, buckets: tuple[Bucket, ...] = (), over_limit: bool = False
) -> None:
    run.slot_changes[position] = SlotChange(position, state, buckets, run.priority, now, over_limit)
    run.over_limit = run.over_limit or over_limit
    run.has_slot_news = run.has_slot_news or state is not SlotState.HELD


def _get_position(run: "Run", stage: StageRun) -> int:
    return list(run.stages).index(stage.name)


def _waits_for_approvals_only(run: "Run") -> bool:
    """Return True if all stages that are not over are approvals that do not hold the run's slots, or cannot go on before them."""
    unfinished = run.unfinished_stages
    asked = [stage for stage in unfinished if stage.current.reason is Reason.APPROVAL]
    if not asked or any(stage.definition.hold for stage in asked):
        return False
    return all(stage in asked or _is_blocked(run, stage) for stage in unfinished)


def _is_blocked(run: "Run", stage: StageRun) -> bool:
    if stage.status is Status.PENDING:
        return True
    is_external = stage.definition.kind is StageKind.EXTERNAL and stage.status is Status.WAITING
    return is_external and get_readiness(stage, run.stages) is Readiness.BLOCKED

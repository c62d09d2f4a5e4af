"""The slots and requests that a run must have in each of its states."""

from collections.abc import Iterator
from typing import Any

from domain.runs.run import Run
from tests.simulation.limits.bucket_rules import RUN, list_run_buckets, list_stage_buckets
from tests.support.invariants import WRONG, Violation


def check_run(tables: Any, run_id: int) -> Iterator[Violation]:
    """Compare the run, as a transaction leaves it, with its slots and requests."""
    run = tables.runs.get(run_id)
    held = {key for key in tables.slots if key[1] == run_id}
    asked = {key for key in tables.slot_waits if key[1] == run_id}
    wrong: list[str] = []
    if run is None or run.is_over:
        wrong += [f"it is over and {key} is left" for key in sorted(held | asked)]
    else:
        wrong += _check_own_slots(tables, run, held, asked)
        for position, stage in enumerate(run.stages.values()):
            wrong += _check_stage(tables, run, position, stage, held, asked)
    return (Violation(WRONG, f"run {run_id}: {sentence}") for sentence in wrong)


def _check_own_slots(tables: Any, run: Run, held: set[Any], asked: set[Any]) -> Iterator[str]:
    needed = list_run_buckets(tables, run) if run.trigger.kind != "report" else {}
    keys = {(bucket, run.id, RUN) for bucket in needed}
    own_held, own_asked = {key for key in held if key[2] == RUN}, {key for key in asked if key[2] == RUN}
    state = run.slot_state.value
    allowed = {"held", "waiting", "released"} | ({"none"} if run.stop_requested_at is not None else set())
    if state not in (allowed if needed else {"none"}):
        yield f"its slots are {state}, it needs {sorted(needed)}"
    if own_held != (keys if state == "held" else set()) or own_asked != (keys if state == "waiting" else set()):
        yield f"its slots are {state}; it holds {sorted(own_held)} and requests {sorted(own_asked)}"
    if not needed:
        return
    if run.stop_requested_at is not None:
        return
    open_stages = [stage for stage in run.stages.values() if not stage.is_over]
    asked = [stage for stage in open_stages if stage.status.value == "waiting" and stage.current.reason == "approval"]
    if any(_is_reported_early(stage) for stage in open_stages):
        return
    can_go_on = [stage for stage in open_stages if stage not in asked and not _waits_for_needs(stage)]
    gives_back = bool(asked) and not can_go_on and not any(stage.definition.hold for stage in asked)
    if (state == "released") != gives_back:
        yield f"its slots are {state} while {', '.join(f'{stage.name} is {stage.status}' for stage in open_stages)}"


def _is_reported_early(stage: Any) -> bool:
    """Return True if a report started the external stage before its turn. Reports need no slots, but may find the run with its slots."""
    return stage.definition.kind.value == "external" and stage.status.value == "running" and stage.current.deadline_at is None


def _waits_for_needs(stage: Any) -> bool:
    """Return True if the stage has not had its turn. The timeout of an external stage begins with its turn."""
    is_external = stage.status.value == "waiting" and stage.current.reason == "external"
    return stage.status.value == "pending" or (is_external and stage.current.deadline_at is None)


def _check_stage(tables: Any, run: Run, position: int, stage: Any, held: set[Any], asked: set[Any]) -> Iterator[str]:
    needed = {(bucket, run.id, position) for bucket in list_stage_buckets(tables, run, stage.name)}
    own_held, own_asked = {key for key in held if key[2] == position}, {key for key in asked if key[2] == position}
    is_limited = stage.status.value == "queued" and stage.current.reason == "limit"
    runs = stage.status.value in ("queued", "running") and not is_limited
    waits_for_run = run.slot_state.value == "waiting"
    if own_held != (needed if runs else set()):
        yield f"{stage.name} is {stage.status} ({stage.current.reason}) and holds {sorted(own_held)}"
    if own_asked != (needed if is_limited and not waits_for_run else set()):
        yield f"{stage.name} is {stage.status} ({stage.current.reason}) and requests {sorted(own_asked)}"
    if is_limited and not needed and not waits_for_run:
        yield f"{stage.name} waits for no slot"
    if runs and waits_for_run and stage.definition.kind.runs_on_worker:
        yield f"{stage.name} is {stage.status} while its run waits for slots"
    if is_limited and stage.current.deadline_at is None:
        yield f"{stage.name} waits without a deadline"

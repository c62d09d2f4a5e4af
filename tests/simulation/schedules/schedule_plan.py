"""Adds scheduled pipelines to a plan, with people who pause and change them, and faults of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from tests.fakes.system.clock import START

if TYPE_CHECKING:
    from tests.simulation.plan import Plan

STOPPED, CLOCK_SET = "installation stopped", "clock set"
TIME_FAULTS = (STOPPED, CLOCK_SET)
CATCH_UP = ("none", "latest", "all")
OVERLAP = ("skip", "queue_one", "queue_all", "cancel_running", "allow")
OPERATIONS = ("pause", "resume", "archive", "unarchive", "pause schedule", "resume schedule", "apply", "change")
HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Operation:
    """What a person does to a scheduled pipeline: `overlap` is the policy of its schedules after a change."""

    at: float
    kind: str
    pipeline: str
    overlap: str


def add_schedules(plan: "Plan", kinds: Sequence[str]) -> "Plan":
    """Return the plan with a scheduled pipeline, operations of those kinds and faults of time, drawn from its seed."""
    from tests.simulation.plan import Fault

    random = Random(f"{plan.seed}:schedules")
    pipeline = a_scheduled_pipeline([_draw_schedule(random, name) for name in ("first", "second")[: random.choice((1, 2))]])
    count = random.choice((0, 2, 4))
    operations = [
        Operation(plan.chaos * random.random(), random.choice(kinds), pipeline["name"], random.choice(OVERLAP)) for _ in range(count)
    ]
    longest = 3 * HOUR if all(schedule["every"] == HOUR for schedule in pipeline["schedules"]) else 600.0
    jumps = []
    if random.random() < 0.4:
        jumps.append(Fault(plan.chaos * random.random(), STOPPED, seconds=random.choice((45.0, longest))))
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        jumps.append(Fault(plan.chaos * random.random(), CLOCK_SET, seconds=random.choice((-90.0, -20.0, 20.0, 300.0, longest))))
    return replace(
        plan,
        pipelines=(*plan.pipelines, pipeline),
        operations=tuple(sorted(operations, key=lambda operation: operation.at)),
        faults=tuple(sorted((*plan.faults, *jumps), key=lambda fault: fault.at)),
    )


def a_scheduled_pipeline(schedules: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    stage = {"name": "work", "kind": "command", "command": ["true"], "timeout": 30, "when": "completed", "needs": []}
    return {"name": "timed", "pool": "headgate", "stages": [stage], "schedules": list(schedules)}


def end_schedules(plan: "Plan", pipeline: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pipeline, whose schedules end with the faults of the plan, by the clock of the store."""
    if "schedules" not in pipeline:
        return pipeline
    seconds = plan.chaos + sum(fault.seconds for fault in plan.faults if fault.kind in TIME_FAULTS)
    end = f"{START + timedelta(seconds=max(seconds, 1.0)):%Y-%m-%dT%H:%M:%S}"
    return {**pipeline, "schedules": [{"end": end, **schedule} for schedule in pipeline["schedules"]]}


def _draw_schedule(random: Random, name: str) -> Mapping[str, Any]:
    """Draw a schedule that fires every few seconds, or every hour, so that an outage of hours misses a few ticks."""
    every = random.choice((5, 7, HOUR))
    times: dict[str, Any] = {"every": every, "offset": random.randrange(min(int(every), 20))}
    times["jitter"] = random.choice((0, 3))
    # A schedule of a short period that ran every missed tick would take too long.
    return {
        "name": name,
        **times,
        "catch_up": random.choice(CATCH_UP if every > 60 else CATCH_UP[:2]),
        "overlap": random.choice(OVERLAP),
    }

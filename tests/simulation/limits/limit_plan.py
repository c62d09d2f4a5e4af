"""Adds pipelines with concurrency limits to a plan, and people who trigger, decide, cancel and change limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.plan import Plan

LIMIT_OPERATIONS = (
    "cancel run",
    "cancel stage",
    "retry run",
    "skip stage",
    "decide",
    "start over the limit",
    "trigger over the limit",
    "change limits",
    "set group's limit",
    "pause pipeline",
    "resume pipeline",
)
WHEN_FULL = ("queue", "queue", "skip", "cancel_running", "keep_newest")
RUN_GROUP, STAGE_GROUP = "harbour", "crane"
"""Runs hold a slot of the first, stages of the second: no two pipelines can wait for each other."""
OVERTAKER = "omar"
"""Who triggers runs over the limit, which may overtake those that wait even if a slot is free."""
CUSTOMERS = ("acme", "initech", None)


@dataclass(frozen=True, slots=True)
class LimitOperation:
    """`target` is a pipeline or a group; `which` picks one of the runs or stages that the operation applies to; `value` is a new limit
    or the priority of a trigger."""

    at: float
    kind: str
    target: str
    which: int = 0
    value: int | None = None
    customer: str | None = None


RAISED_PIPELINE: Mapping[str, Any] = {
    "name": "raised",
    "pool": "headgate",
    "parameters": {"type": "object"},
    "concurrency": [{"limit": 1}],
    "stages": [{"name": "work", "kind": "command", "command": ["true"], "needs": [], "when": "completed", "timeout": 30}],
}
RAISING_OPERATIONS = (
    *(LimitOperation(0.1, "trigger", "raised") for _ in range(4)),
    LimitOperation(0.2, "change limits", "raised", value=2),
    LimitOperation(1.3, "change limits", "raised", value=4),
)
"""Four runs of the pipeline, whose limit is raised twice."""


def add_limits(plan: "Plan", kinds: Sequence[str]) -> "Plan":
    """Return the plan with limited pipelines, bursts of triggers and operations of those kinds, drawn from its seed."""
    random = Random(f"{plan.seed}:limits")
    shared = random.choice((1, 2, 3))
    pipelines = tuple(_draw_pipeline(random, index, shared) for index in range(random.choice((1, 2, 3))))
    names = [pipeline["name"] for pipeline in pipelines]
    operations = _draw_triggers(random, plan.chaos, names)
    for _ in range(random.choice((0, 2, 5, 9)) if kinds else 0):
        operations.append(_draw_operation(random, plan.chaos, kinds, names))
    return replace(
        plan,
        pipelines=(*plan.pipelines, *pipelines),
        group_limits=((STAGE_GROUP, random.choice((1, 1, 2, 3))),),
        limit_operations=tuple(sorted(operations, key=lambda operation: operation.at)),
    )


def with_other_limits(pipeline: Mapping[str, Any], value: int) -> Mapping[str, Any]:
    """Return the definition after a person has changed its own limits. A group keeps its limit."""
    entries = [entry if "group" in entry else {**entry, "limit": value} for entry in pipeline["concurrency"]]
    return {**pipeline, "concurrency": entries}


def _draw_triggers(random: Random, chaos: float, names: Sequence[str]) -> list[LimitOperation]:
    """Draw bursts: each triggers some pipelines within a few hundredths of a second."""
    triggers = []
    for _ in range(random.choice((1, 2, 3))):
        at = chaos * random.random() * random.choice((0.1, 1.0))
        for _ in range(random.choice((2, 3, 5))):
            priority = random.choice((None, None, None, -10, 10))
            moment = at + random.choice((0.0, 0.02, 0.5)) * random.random()
            triggers.append(LimitOperation(moment, "trigger", random.choice(names), 0, priority, random.choice(CUSTOMERS)))
    return triggers


def _draw_operation(random: Random, chaos: float, kinds: Sequence[str], names: Sequence[str]) -> LimitOperation:
    kind = random.choice(kinds)
    at = 0.5 + chaos * random.random()
    if kind == "set group's limit":
        return LimitOperation(at, kind, random.choice((RUN_GROUP, STAGE_GROUP)), 0, random.choice((1, 2, 4, None)))
    value = random.choice((1, 2, 4)) if kind == "change limits" else None
    return LimitOperation(at, kind, random.choice(names), random.randrange(8), value, random.choice(CUSTOMERS))


def _draw_pipeline(random: Random, index: int, shared: int) -> Mapping[str, Any]:
    """Draw a pipeline with limits of its own, of a key and of a group, or with stages that use a group."""
    entries: list[Mapping[str, Any]] = []
    if random.random() < 0.5:
        entries.append({"limit": random.choice((1, 1, 2, 3)), "when_full": random.choice(WHEN_FULL)})
    if random.random() < 0.4:
        entries.append({"key": {"parameter": "customer"}, "limit": random.choice((1, 1, 2)), "when_full": random.choice(WHEN_FULL)})
    if random.random() < 0.6:
        entries.append({"group": RUN_GROUP, "limit": shared, "when_full": random.choice(WHEN_FULL)})
    stages = [_draw_stage(random, position) for position in range(random.choice((1, 2, 2, 3)))]
    if not entries and not any("uses" in stage for stage in stages):
        entries.append({"limit": 1})
    return {
        "name": f"limited{index}",
        "pool": random.choice(("headgate", "headgate", "headgate", "processes")),
        "parallelism": random.choice((1, 16)),
        "priority": random.choice((0, 0, 5, -5)),
        "parameters": {"type": "object", "properties": {"customer": {"type": "string"}}},
        "concurrency": entries,
        "stages": stages,
    }


def _draw_stage(random: Random, position: int) -> Mapping[str, Any]:
    needs = [earlier for earlier in "abc"[:position] if random.random() < 0.7]
    common: dict[str, Any] = {"name": "abc"[position], "needs": needs, "allow_failure": random.random() < 0.2}
    common["when"] = random.choice(("completed", "completed", "always")) if needs else "completed"
    kind = random.choice(("command",) * 7 + ("approval", "approval", "external"))
    if kind == "approval":
        return common | {"kind": kind, "timeout": random.choice((10, 40)), "hold": random.random() < 0.4}
    if kind == "external":
        return common | {"kind": kind, "timeout": 20}
    retries = random.choice((0, 0, 1))
    stage = common | {"kind": kind, "command": ["true"], "timeout": random.choice((5, 30)), "retries": retries}
    stage |= {"retry_delay": random.choice((0, 0, 3)), "retry_on_loss": bool(retries)}
    return stage | ({"uses": [STAGE_GROUP]} if random.random() < 0.4 else {})

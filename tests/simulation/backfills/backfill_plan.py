"""Adds people who backfill limited pipelines to a plan."""

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from tests.simulation.limits.limit_plan import CUSTOMERS, LimitOperation

if TYPE_CHECKING:
    from tests.simulation.plan import Plan

CHANGES: Final = ("pause backfill", "resume backfill", "cancel backfill", "cancel backfill and its runs")
CRON: Final = "0 * * * *"
"""The ticks of the backfills are hours before the simulation."""
MAX_HOURS: Final = 6


def add_backfills(plan: "Plan", counts: tuple[int, ...] = (0, 0, 1, 2)) -> "Plan":
    """Return the plan with backfills of limited pipelines, and their pauses, resumptions and cancellations, drawn from its seed.

    `counts` are the numbers of backfills to choose from. `which` of a start is its number of ticks, `value` how many of its runs may be
    unfinished.
    """
    random, chaos = Random(f"{plan.seed}:backfills"), plan.chaos
    names = [pipeline["name"] for pipeline in plan.pipelines if "concurrency" in pipeline]
    operations = list(plan.limit_operations)
    for _ in range(random.choice(counts)):
        at, name = chaos * random.random() * random.choice((0.1, 0.7)), random.choice(names)
        hours, parallel = random.randint(1, MAX_HOURS), random.choice((1, 2, 3))
        operations.append(LimitOperation(at, "start backfill", name, hours, parallel, random.choice(CUSTOMERS)))
        for _ in range(random.choice((0, 1, 2, 3))):
            later = at + (chaos - at) * random.random()
            operations.append(LimitOperation(later, random.choice(CHANGES), name, random.randrange(8)))
    return replace(plan, limit_operations=tuple(sorted(operations, key=lambda operation: operation.at)))

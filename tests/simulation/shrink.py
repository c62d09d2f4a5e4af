"""Reduces a failing plan to a smaller one that still fails."""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.plan import Plan
from tests.simulation.simulation import SimulationResult, simulate


def shrink(plan: Plan) -> SimulationResult:
    """Leave out one thing after another, and return the smallest failing result."""
    best = simulate(plan)
    found = True
    while found:
        found = False
        for smaller in _smaller(best.plan):
            outcome = simulate(smaller)
            if outcome.violations and len(outcome.history) <= len(best.history):
                best, found = outcome, True
                break
    return best


def _smaller(plan: Plan) -> Iterator[Plan]:
    for index in range(len(plan.faults)):
        yield replace(plan, faults=plan.faults[:index] + plan.faults[index + 1 :])
    for index in range(len(plan.operations)):
        yield replace(plan, operations=plan.operations[:index] + plan.operations[index + 1 :])
    for index in range(len(plan.limit_operations)):
        yield replace(plan, limit_operations=plan.limit_operations[:index] + plan.limit_operations[index + 1 :])
    for index in range(len(plan.triggers)):
        yield replace(plan, triggers=plan.triggers[:index] + plan.triggers[index + 1 :])
    for index in range(len(plan.pipelines)):
        gone = plan.pipelines[index]["name"]
        if len(plan.pipelines) > 1 and all(name != gone for _, name in plan.triggers):
            yield replace(plan, pipelines=plan.pipelines[:index] + plan.pipelines[index + 1 :])
    for chance in ("message_faults", "cut_connections", "slow_statements", "lost_answers", "missed_announcements"):
        if getattr(plan, chance):
            yield replace(plan, **{chance: 0.0})
    if plan.webs > 1:
        yield replace(plan, webs=1)
    if plan.workers > 1:
        yield replace(plan, workers=1)

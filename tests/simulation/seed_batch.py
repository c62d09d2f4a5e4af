"""Simulates a batch of seeds in one process. Not in `__main__`, which a spawned process does not import."""

import gc

from tests.simulation.limits.limit_plan import LIMIT_OPERATIONS
from tests.simulation.plan import Plan, make_plan
from tests.simulation.simulation import simulate
from tests.simulation.tally import Tally


def tally_seeds(seeds: range, *, only_limits: bool) -> Tally:
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # a seed makes many objects that live until its end: a fifth less processor time
    tally = Tally()
    for seed in seeds:
        tally.add(simulate(draw_plan(seed, only_limits=only_limits)))
    return tally


def draw_plan(seed: int, *, only_limits: bool) -> Plan:
    """Return the plan of a seed, or one with limited pipelines only."""
    return make_plan(seed, limits=LIMIT_OPERATIONS) if only_limits else make_plan(seed)

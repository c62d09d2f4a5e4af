"""Simulates a batch of seeds in one process. Not in `__main__`, which a spawned process does not import."""

from tests.simulation.plan import make_plan
from tests.simulation.simulation import simulate
from tests.simulation.tally import Tally


def tally_seeds(seeds: range) -> Tally:
    tally = Tally()
    for seed in seeds:
        tally.add(simulate(make_plan(seed)))
    return tally

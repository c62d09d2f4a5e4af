"""A share of the seeds, for one process. Not in `__main__`: a process that is spawned does not import the main module of a package."""

from tests.simulation.plan import make_plan
from tests.simulation.simulation import simulate
from tests.simulation.tally import Tally


def tally_seeds(seeds: range) -> Tally:
    tally = Tally()
    for seed in seeds:
        tally.add(simulate(make_plan(seed)))
    return tally

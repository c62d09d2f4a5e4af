"""A share of the seeds, for one process. Not in `__main__`: a process that is spawned does not import the main module of a package."""

from tests.simulation.plan import plan_of
from tests.simulation.tally import Tally
from tests.simulation.world import lived


def tallied(seeds: range) -> Tally:
    tally = Tally()
    for seed in seeds:
        tally.add(lived(plan_of(seed)))
    return tally

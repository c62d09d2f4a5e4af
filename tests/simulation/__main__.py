"""`python -m tests.simulation --seeds 100000` simulates many seeds on every core; `--seed 42` simulates one and prints its history.

With `--limits`, all pipelines have concurrency limits.
"""

import argparse
import multiprocessing
import os
import sys
import time
from functools import partial

from tests.simulation.seed_batch import draw_plan, tally_seeds
from tests.simulation.shrink import shrink
from tests.simulation.simulation import simulate
from tests.simulation.tally import Tally

CHUNK = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate")
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limits", action="store_true", help="limited pipelines only")
    options = parser.parse_args()
    if options.seed is not None:
        return _show(options.seed, options.limits)
    tally = _many(range(options.first, options.first + options.seeds), options.processes, options.limits)
    print(tally.table())
    if not tally.failed:
        print(f"{tally.seeds:,} seeds, none failed")
        return 0
    print(f"{len(tally.failed):,} of {tally.seeds:,} seeds failed: {', '.join(map(str, sorted(tally.failed)[:20]))}")
    _show(min(tally.failed), options.limits)
    return 1


def _many(seeds: range, processes: int, only_limits: bool) -> Tally:
    tally, began = Tally(), time.monotonic()
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for part in pool.imap_unordered(partial(tally_seeds, only_limits=only_limits), chunks):
            tally.merge(part)
            rate = tally.seeds / (time.monotonic() - began)
            end = "\n" if tally.seeds % 5_000 == 0 or (not sys.stdout.isatty() and tally.seeds % 1_000 == 0) else "\r"
            print(f"{tally.seeds:>9,} of {len(seeds):,} seeds, {rate:.0f}/s, {len(tally.failed)} failed", end=end, flush=True)
    print()
    return tally


def _show(seed: int, only_limits: bool) -> int:
    """Print the history of the seed, or of the smallest plan that still fails."""
    outcome = simulate(draw_plan(seed, only_limits=only_limits))
    if outcome.violations:
        outcome = shrink(outcome.plan)
    print(f"seed {seed}: {outcome.plan}\n" + "\n".join(outcome.history.lines()))
    print("\n".join(map(str, outcome.violations)) or "no violations")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())

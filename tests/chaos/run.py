"""`make chaos`: kills what can be killed under real runs, and prints a line for every kind of fault.

Exit code 1 unless every column of what should not happen is zero.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from datetime import timedelta

from tests.chaos.faults import FAULTS, Fault, restart_postgres
from tests.chaos.pipelines import RESILIENT_PIPELINES, definitions
from tests.chaos.rounds import HEADER, Tally, chaos_harness, since
from tests.chaos.stack import Stack, chaos_stack


def main() -> None:
    asked = _arguments()
    print(f"seed {asked.seed}; two webs, three workers", flush=True)
    with chaos_stack() as stack:
        findings = asyncio.run(_chaos(stack, asked))
    print(f"\n{len(findings)} findings" + "".join(f"\n  {finding}" for finding in findings), flush=True)
    sys.exit(1 if findings else 0)


async def _chaos(stack: Stack, asked: argparse.Namespace) -> list[str]:
    rng, began = random.Random(asked.seed), time.monotonic()
    tallies: dict[str, Tally] = {}
    faults = [fault for fault in FAULTS if not asked.only or asked.only in fault.name for _ in range(fault.points * asked.times)]
    rng.shuffle(faults)
    for definition in definitions(stack.starts_file):
        stack.create(definition)
    async with chaos_harness(stack, rng, timedelta(hours=1)) as harness:
        for fault in faults:
            _note(tallies, fault.name, await harness.round(fault, asked.runs), began)
        if asked.flood:
            often = Fault("PostgreSQL restarted", restart_postgres, RESILIENT_PIPELINES)
            _note(tallies, "PostgreSQL again and again", await harness.flood(asked.flood, often, (5.0, 12.0)), began)
        left = await harness.checker.find_leftovers()
    _print_table(tallies)
    return [finding for tally in tallies.values() for finding in tally.findings.all] + left


def _note(tallies: dict[str, Tally], name: str, tally: Tally, began: float) -> None:
    print(f"{since(began)}  {tally.line(name)}", flush=True)
    for finding in tally.findings.all:
        print(f"         ! {finding}", flush=True)
    total = tallies.setdefault(name, Tally())
    total.points += tally.points
    total.runs += tally.runs
    total.acknowledged += tally.acknowledged
    total.endings += tally.endings
    total.findings.add(tally.findings)


def _print_table(tallies: dict[str, Tally]) -> None:
    everything = Tally()
    print(f"\n{HEADER}")
    for name in sorted(tallies):
        print(tallies[name].line(name))
        everything.points += tallies[name].points
        everything.runs += tallies[name].runs
        everything.acknowledged += tallies[name].acknowledged
        everything.endings += tallies[name].endings
        everything.findings.add(tallies[name].findings)
    print(everything.line("all"), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", default="", help="only the kinds of fault whose name has this in it")
    parser.add_argument("--times", type=int, default=1, help="how many times the usual number of points")
    parser.add_argument("--runs", type=int, default=4, help="runs in a round")
    parser.add_argument("--flood", type=int, default=0, help="runs under which PostgreSQL is restarted again and again")
    return parser.parse_args()


if __name__ == "__main__":
    main()

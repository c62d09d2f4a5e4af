"""`make chaos`: cause every fault while runs are active, check all invariants, and print a line per fault.

Exit with code 1 if any invariant was violated.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from datetime import timedelta

from tests.chaos.alerts.alert_storm import run_storm
from tests.chaos.faults import FAULTS, Fault, restart_postgres
from tests.chaos.pipelines import RESILIENT_PIPELINES, build_definitions
from tests.chaos.rounds import HEADER, Tally, chaos_harness, format_elapsed
from tests.chaos.slot_history import SlotHistory
from tests.chaos.stack import Stack, chaos_stack


def main() -> None:
    options = _parse_arguments()
    print(f"seed {options.seed}; two webs, three workers", flush=True)
    with chaos_stack(with_relays=True) as stack:
        findings = asyncio.run(_chaos(stack, options))
    findings += _fail_under_kills(options)
    print(f"\n{len(findings)} findings" + "".join(f"\n  {finding}" for finding in findings), flush=True)
    sys.exit(1 if findings else 0)


async def _chaos(stack: Stack, options: argparse.Namespace) -> list[str]:
    rng, started = random.Random(options.seed), time.monotonic()
    tallies: dict[str, Tally] = {}
    faults = [fault for fault in FAULTS if not options.only or options.only in fault.name for _ in range(fault.points * options.times)]
    rng.shuffle(faults)
    for definition in build_definitions(stack.starts_file):
        stack.create(definition)
    history = SlotHistory(stack)
    history.start()
    async with chaos_harness(stack, rng, timedelta(hours=1)) as harness:
        for fault in faults:
            _record(tallies, fault.name, await harness.run_round(fault, options.runs), started)
        if options.flood:
            restarts = Fault("PostgreSQL restarted", restart_postgres, RESILIENT_PIPELINES)
            _record(tallies, "PostgreSQL again and again", await harness.run_flood(options.flood, restarts, (5.0, 12.0)), started)
        left = await harness.checker.find_leftovers()
        left += history.list_excess() + history.list_leftovers()
    _print_table(tallies)
    return [finding for tally in tallies.values() for finding in tally.findings.all] + left


def _fail_under_kills(options: argparse.Namespace) -> list[str]:
    """Open incidents while webs, workers and PostgreSQL are killed. Return what was lost, doubled or wrong."""
    if not options.incidents or options.only:
        return []
    result = run_storm(options.incidents, max(4, options.incidents // 12), (2.0, 6.0), options.seed)
    print(f"\nalerts: {result.kills} kills; {result.counts}", flush=True)
    return result.problems


def _record(tallies: dict[str, Tally], name: str, tally: Tally, started: float) -> None:
    print(f"{format_elapsed(started)}  {tally.format_line(name)}", flush=True)
    for finding in tally.findings.all:
        print(f"         ! {finding}", flush=True)
    total = tallies.setdefault(name, Tally())
    total.points += tally.points
    total.runs += tally.runs
    total.acknowledged += tally.acknowledged
    total.statuses += tally.statuses
    total.findings.add(tally.findings)


def _print_table(tallies: dict[str, Tally]) -> None:
    everything = Tally()
    print(f"\n{HEADER}")
    for name in sorted(tallies):
        print(tallies[name].format_line(name))
        everything.points += tallies[name].points
        everything.runs += tallies[name].runs
        everything.acknowledged += tallies[name].acknowledged
        everything.statuses += tallies[name].statuses
        everything.findings.add(tallies[name].findings)
    print(everything.format_line("all"), flush=True)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", default="", help="only faults whose name contains this")
    parser.add_argument("--times", type=int, default=1, help="multiply the number of rounds by this")
    parser.add_argument("--runs", type=int, default=4, help="runs per round")
    parser.add_argument("--incidents", type=int, default=0, help="incidents to open while processes are killed")
    parser.add_argument("--flood", type=int, default=0, help="runs to trigger while PostgreSQL is restarted repeatedly")
    return parser.parse_args()


if __name__ == "__main__":
    main()

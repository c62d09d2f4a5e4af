"""Measurements: computed, compared with a baseline, printed as a table for people and as JSON lines for programs."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One result.

    `ratio` is the speed relative to the measurement named `against`: 10 is ten times as fast, whatever the unit. `p50` and `p99` are
    milliseconds, if single samples were measured.
    """

    name: str
    value: float
    unit: str
    p50: float | None = None
    p99: float | None = None
    ratio: float | None = None
    against: str | None = None
    runs: int = 1


def latency(name: str, samples: Sequence[float], against: Measurement | None = None) -> Measurement:
    """Return the median of samples in seconds, as milliseconds. With fewer than a hundred samples, p99 is the slowest."""
    p50, p99 = statistics.median(samples) * 1_000, percentile(samples, 0.99) * 1_000
    ratio = round(against.value / p50, 2) if against else None
    return Measurement(name, round(p50, 2), "ms", round(p50, 2), round(p99, 2), ratio, against.name if against else None, len(samples))


def throughput(name: str, per_second: float, against: Measurement | None = None, samples: Sequence[float] = ()) -> Measurement:
    """Return a rate per second, with the percentiles of the samples in seconds."""
    ratio = round(per_second / against.value, 2) if against else None
    p50, p99 = (round(percentile(samples, fraction) * 1_000, 2) if samples else None for fraction in (0.5, 0.99))
    return Measurement(name, round(per_second, 1), "/s", p50, p99, ratio, against.name if against else None, len(samples) or 1)


def quantity(name: str, value: float, unit: str, against: Measurement | None = None) -> Measurement:
    """Return a value with a unit, such as memory. Less is better: `ratio` is the baseline divided by the value."""
    ratio = round(against.value / value, 2) if against and value else None
    return Measurement(name, round(value, 2), unit, None, None, ratio, against.name if against else None)


def percentile(samples: Sequence[float], fraction: float) -> float:
    """Return the percentile by nearest rank, which is always one of the samples."""
    return sorted(samples)[max(0, math.ceil(fraction * len(samples)) - 1)]


def print_measurements(measurements: Sequence[Measurement]) -> None:
    """Print the table, then one line of JSON per measurement."""
    width = max(len(each.name) for each in measurements)
    print(f"\n{'':{width}}   {'':>14}   {'p50':>9}   {'p99':>9}   against", flush=True)
    for each in measurements:
        comparison = f"{each.ratio:g} × as fast as {each.against}" if each.ratio is not None else ""
        row = f"{each.name:{width}}   {_format(each.value)} {each.unit:<3}   {_format(each.p50)}   {_format(each.p99)}   {comparison}"
        print(row.rstrip())
    print()
    for each in measurements:
        print(json.dumps(asdict(each), ensure_ascii=False))


def print_progress(task: str, done: int, total: int) -> None:
    """Print progress to stderr: redrawn in a terminal, else only at the start and at the end."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{task}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done in (0, total):
        print(f"{task}: {done} of {total}", file=sys.stderr, flush=True)


def _format(value: float | None) -> str:
    if value is None:
        return f"{'':>10}"
    return f"{value:>10,.0f}" if abs(value) >= 1_000 else f"{value:>10,.1f}"

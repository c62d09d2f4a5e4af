"""Figures: measured, compared, printed as a table for people and as JSON lines for programs."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One result. `ratio` says how many times as fast as `against` it is: 10 is ten times as fast, whatever the unit. `p50` and `p99` are
    milliseconds, where single ones were measured."""

    name: str
    value: float
    unit: str
    p50: float | None = None
    p99: float | None = None
    ratio: float | None = None
    against: str | None = None
    runs: int = 1


def latency(name: str, samples: Sequence[float], against: Measurement | None = None) -> Measurement:
    """Of samples in seconds, in milliseconds. With fewer than a hundred samples p99 is the slowest of them."""
    p50, p99 = statistics.median(samples) * 1_000, percentile(samples, 0.99) * 1_000
    ratio = round(against.value / p50, 2) if against else None
    return Measurement(name, round(p50, 2), "ms", round(p50, 2), round(p99, 2), ratio, against.name if against else None, len(samples))


def throughput(name: str, per_second: float, against: Measurement | None = None, samples: Sequence[float] = ()) -> Measurement:
    """So many a second; of samples in seconds, how long each took."""
    ratio = round(per_second / against.value, 2) if against else None
    p50, p99 = (round(percentile(samples, part) * 1_000, 2) if samples else None for part in (0.5, 0.99))
    return Measurement(name, round(per_second, 1), "/s", p50, p99, ratio, against.name if against else None, len(samples) or 1)


def quantity(name: str, value: float, unit: str, against: Measurement | None = None) -> Measurement:
    """Something that was counted or weighed."""
    ratio = round(against.value / value, 2) if against and value else None
    return Measurement(name, round(value, 2), unit, None, None, ratio, against.name if against else None)


def percentile(samples: Sequence[float], part: float) -> float:
    """By nearest rank: a value that was really measured."""
    return sorted(samples)[max(0, math.ceil(part * len(samples)) - 1)]


def print_measurements(figures: Sequence[Measurement]) -> None:
    """The table, and below it a line of JSON a figure."""
    width = max(len(one.name) for one in figures)
    print(f"\n{'':{width}}   {'':>14}   {'p50':>9}   {'p99':>9}   against", flush=True)
    for one in figures:
        beside = f"{one.ratio:g} × as fast as {one.against}" if one.ratio is not None else ""
        print(f"{one.name:{width}}   {_shown(one.value)} {one.unit:<3}   {_shown(one.p50)}   {_shown(one.p99)}   {beside}".rstrip())
    print()
    for one in figures:
        print(json.dumps(asdict(one), ensure_ascii=False))


def _shown(value: float | None) -> str:
    if value is None:
        return f"{'':>10}"
    return f"{value:>10,.0f}" if abs(value) >= 1_000 else f"{value:>10,.1f}"


def print_progress(what: str, done: int, of: int) -> None:
    """On standard error: redrawn in a terminal, else a line at the start and the end."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}: {done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)
    elif done in (0, of):
        print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)

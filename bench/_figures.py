"""Figures: measured, compared, printed as a table for people and as JSON lines for programs."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One result. `ratio` is the other's p50 over ours: 10 says ten times as fast as `against`."""

    name: str
    value: float
    unit: str
    p50: float
    p99: float
    ratio: float | None = None
    against: str | None = None
    runs: int = 1


def figure(name: str, samples: Sequence[float], against: Figure | None = None) -> Figure:
    """Of samples in seconds, in milliseconds. With fewer than a hundred samples p99 is the slowest of them."""
    p50, p99 = statistics.median(samples) * 1_000, percentile(samples, 0.99) * 1_000
    ratio = round(against.p50 / p50, 2) if against else None
    return Figure(name, round(p50, 2), "ms", round(p50, 2), round(p99, 2), ratio, against.name if against else None, len(samples))


def percentile(samples: Sequence[float], part: float) -> float:
    """By nearest rank: a value that was really measured."""
    return sorted(samples)[max(0, math.ceil(part * len(samples)) - 1)]


def print_figures(figures: Sequence[Figure]) -> None:
    width = max(len(one.name) for one in figures)
    print(f"\n{'':{width}}   {'p50':>12}   {'p99':>12}   runs   against")
    for one in figures:
        beside = f"{one.ratio:g} × as fast as {one.against}" if one.ratio is not None else ""
        print(f"{one.name:{width}}   {one.p50:>9,.1f} ms   {one.p99:>9,.1f} ms   {one.runs:>4}   {beside}".rstrip())
    print()
    for one in figures:
        print(json.dumps(asdict(one), ensure_ascii=False))


def progress(what: str, done: int, of: int) -> None:
    """On standard error: redrawn in a terminal, else a line at the start and the end."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}: {done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)
    elif done in (0, of):
        print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)

"""The chart of `export`, drawn by hand: departure delay by hour as lines, arrival delay by carrier as bars. Returns text, touches no file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 960, 72, 888
LINES_TOP, LINES_BOTTOM = 116, 376
BARS_TOP, BAR_STEP, BAR_LEFT, BAR_RIGHT = 486, 26, 250, 800
HOURS = (5, 23)
AIRPORTS = {"EWR": "Newark", "JFK": "JFK", "LGA": "LaGuardia"}

# One file for both themes: a viewer that knows the reader's preference picks the second set of colours.
STYLE = """
svg { --paper: #fdfdfc; --ink: #1b2024; --quiet: #59636a; --rule: #e1e4e0; --s0: #1d5dbf; --s1: #a34a00; --s2: #0b7268; --bar: #6d8fc4; --early: #5d9c91 }
@media (prefers-color-scheme: dark) {
  svg { --paper: #14181b; --ink: #e8ebe9; --quiet: #a0aab0; --rule: #2c3338; --s0: #8ab4ff; --s1: #f2a765; --s2: #5fd0bf; --bar: #5f83bd; --early: #3f8a7d }
}
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums }
.title { font-size: 21px; font-weight: 650 } .panel { font-size: 15px; font-weight: 600 } .quiet { fill: var(--quiet) }
.end { text-anchor: end } .mid { text-anchor: middle } .rule { stroke: var(--rule) } .zero { stroke: var(--quiet) }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
.s0 { stroke: var(--s0) } .s1 { stroke: var(--s1) } .s2 { stroke: var(--s2) }
.dot { fill: var(--paper); stroke-width: 2 } .bar { fill: var(--bar) } .early { fill: var(--early) }
"""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One bar. `delay` is the mean arrival delay in minutes, below zero when early."""

    name: str
    flights: int
    delay: float


def draw(when: str, flights: int, hours: Mapping[str, Sequence[tuple[int, float]]], carriers: Sequence[Carrier]) -> str:
    """An SVG document. `hours` gives each origin's (scheduled hour, mean departure delay in minutes), in order of hour."""
    height = BARS_TOP + BAR_STEP * len(carriers) + 64
    title = f"Delays out of New York City, {when}"
    body = [
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="var(--paper)"/>',
        _text(LEFT - 40, 44, title, "title"),
        _text(LEFT - 40, 68, f"{flights:,} flights that flew, from Newark, JFK and LaGuardia", "quiet"),
        *_lines(hours),
        *_bars(carriers),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
        f"<title>{escape(title)}</title><desc>Above: mean departure delay by scheduled hour and airport. Below: mean arrival delay by carrier.</desc>"
        f"<style>{STYLE}</style>{''.join(body)}</svg>\n"
    )


def _lines(hours: Mapping[str, Sequence[tuple[int, float]]]) -> Iterator[str]:
    """The upper panel. Each line has its own colour and its name at its end, so colour alone tells nothing."""
    values = [value for points in hours.values() for _, value in points] or [0.0]
    low, high, step = _scale(min(0.0, *values), max(values), 5)
    yield _text(LEFT - 40, 102, "Mean departure delay, minutes", "panel")
    for count in range(round((high - low) / step) + 1):
        value = low + count * step
        y = _between(value, low, high, LINES_BOTTOM, LINES_TOP)
        yield f'<line class="{"zero" if value == 0 else "rule"}" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 8, y + 4, f"{value:g}", "quiet end")
    for hour in range(HOURS[0], HOURS[1] + 1, 2):
        yield _text(_between(hour, *HOURS, LEFT, RIGHT), LINES_BOTTOM + 22, f"{hour}:00", "quiet mid")
    yield _text((LEFT + RIGHT) / 2, LINES_BOTTOM + 44, "Scheduled hour of departure, local time", "quiet mid")
    places = {
        origin: [(_between(hour, *HOURS, LEFT, RIGHT), _between(v, low, high, LINES_BOTTOM, LINES_TOP)) for hour, v in points]
        for origin, points in hours.items()
    }
    for number, points in enumerate(places.values()):
        yield f'<polyline class="line s{number % 3}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'
        yield from (f'<circle class="dot s{number % 3}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
    yield from _names({origin: points[-1] for origin, points in places.items() if points})


def _names(ends: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    """The lines' names beside their last points, pushed apart where they would touch."""
    lowest = -math.inf
    for origin, (x, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        lowest = max(y + 4, lowest + 16)
        number = list(ends).index(origin) % 3
        yield f'<text x="{x + 10:.1f}" y="{lowest:.1f}" style="fill: var(--s{number})">{escape(AIRPORTS.get(origin, origin))}</text>'


def _bars(carriers: Sequence[Carrier]) -> Iterator[str]:
    """The lower panel, the latest carrier first."""
    yield _text(LEFT - 40, BARS_TOP - 26, f"Mean arrival delay of the {len(carriers)} busiest carriers", "panel")
    low, high, step = _scale(min([0.0, *(c.delay for c in carriers)]), max([1.0, *(c.delay for c in carriers)]), 5)
    bottom = BARS_TOP + BAR_STEP * len(carriers)
    for count in range(round((high - low) / step) + 1):
        value = low + count * step
        x = _between(value, low, high, BAR_LEFT, BAR_RIGHT)
        yield f'<line class="{"zero" if value == 0 else "rule"}" x1="{x:.1f}" x2="{x:.1f}" y1="{BARS_TOP - 8}" y2="{bottom}"/>'
        yield _text(x, bottom + 18, f"{value:g}", "quiet mid")
    zero = _between(0, low, high, BAR_LEFT, BAR_RIGHT)
    for row, carrier in enumerate(sorted(carriers, key=lambda c: -c.delay)):
        y, x = BARS_TOP + row * BAR_STEP, _between(carrier.delay, low, high, BAR_LEFT, BAR_RIGHT)
        kind = "bar" if carrier.delay >= 0 else "early"
        yield f'<rect class="{kind}" x="{min(x, zero):.1f}" y="{y}" width="{max(abs(x - zero), 1):.1f}" height="{BAR_STEP - 9}" rx="2"/>'
        yield _text(BAR_LEFT - 12, y + 13, carrier.name, "end")
        yield _text(max(x, zero) + 8, y + 13, f"{carrier.delay:+.1f}".replace("-", "−"))
        yield _text(RIGHT + 40, y + 13, f"{carrier.flights:,} flights", "quiet end")
    yield _text((BAR_LEFT + BAR_RIGHT) / 2, bottom + 42, "Minutes late at the gate (below zero: early)", "quiet mid")


def _scale(low: float, high: float, lines: int) -> tuple[float, float, float]:
    """Round bounds around low and high, and a step of 1, 2 or 5 times a power of ten that gives about `lines` lines."""
    rough = max(high - low, 1e-9) / lines
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _between(value: float, low: float, high: float, start: float, end: float) -> float:
    """Where `value` lies on a line from `start` (at `low`) to `end` (at `high`)."""
    return start + (value - low) / (high - low) * (end - start)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'

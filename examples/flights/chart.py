"""Draw the chart of `export` as SVG: departure delay by hour as lines, arrival delay by carrier as bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 960, 72, 856
LINES_TOP, LINES_BOTTOM = 124, 376
BARS_TOP, BAR_STEP, BAR_LEFT, BAR_RIGHT = 486, 26, 250, 800
HOURS = (5, 23)
AIRPORTS = {"EWR": "Newark", "JFK": "JFK", "LGA": "LaGuardia"}

# One file for light and dark themes: the media query selects the second set of colours.
STYLE = """
svg { --paper: #fdfdfc; --ink: #1b2024; --quiet: #59636a; --rule: #e1e4e0; --bar: #6d8fc4; --early: #5d9c91;
      --s0: #1d5dbf; --s1: #a34a00; --s2: #0b7268 }
@media (prefers-color-scheme: dark) {
  svg { --paper: #14181b; --ink: #e8ebe9; --quiet: #a0aab0; --rule: #2c3338; --bar: #5f83bd; --early: #3f8a7d;
        --s0: #8ab4ff; --s1: #f2a765; --s2: #5fd0bf }
}
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums }
.title { font-size: 21px; font-weight: 650 } .panel { font-size: 15px; font-weight: 600 } .quiet { fill: var(--quiet) }
.end { text-anchor: end } .mid { text-anchor: middle } .rule { stroke: var(--rule) } .zero { stroke: var(--quiet) }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round } .lead { stroke-dasharray: 2 4 }
.s0 { stroke: var(--s0) } .s1 { stroke: var(--s1) } .s2 { stroke: var(--s2) }
.n0 { fill: var(--s0) } .n1 { fill: var(--s1) } .n2 { fill: var(--s2) }
.dot { fill: var(--paper); stroke-width: 2 } .bar { fill: var(--bar) } .early { fill: var(--early) }
"""


Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Carrier:
    """One bar. `delay` is the mean arrival delay in minutes, negative if early."""

    name: str
    flights: int
    delay: float


def draw(when: str, flights: int, hours: Mapping[str, Sequence[Point]], carriers: Sequence[Carrier]) -> str:
    """Return an SVG document. `hours` has each origin's (scheduled hour, mean departure delay in minutes), in order of hour."""
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
        f"<title>{escape(title)}</title><desc>Above: mean departure delay by scheduled hour and airport. "
        f"Below: mean arrival delay by carrier.</desc><style>{STYLE}</style>{''.join(body)}</svg>\n"
    )


def _lines(hours: Mapping[str, Sequence[Point]]) -> Iterator[str]:
    """Draw the upper panel. Each line has a colour and a label at its end, so that it can be read without colour."""
    values = [value for points in hours.values() for _, value in points] or [0.0]
    low, high, step = _scale(min(0.0, *values), max(1.0, *values), 5)
    yield _text(LEFT - 40, 102, "Mean departure delay, minutes", "panel")
    for value in _marks(low, high, step):
        y = _between(value, low, high, LINES_BOTTOM, LINES_TOP)
        yield f'<line class="{"rule" if value else "zero"}" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 8, y + 4, _number(value), "quiet end")
    for hour in range(HOURS[0], HOURS[1] + 1, 2):
        yield _text(_between(hour, *HOURS, LEFT, RIGHT), LINES_BOTTOM + 22, f"{hour}:00", "quiet mid")
    yield _text((LEFT + RIGHT) / 2, LINES_BOTTOM + 44, "Scheduled hour of departure, local time", "quiet mid")
    ends = {}
    for number, (origin, points) in enumerate(hours.items()):
        places = [(_between(hour, *HOURS, LEFT, RIGHT), _between(value, low, high, LINES_BOTTOM, LINES_TOP)) for hour, value in points]
        yield f'<polyline class="line s{number % 3}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
        yield from (f'<circle class="dot s{number % 3}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
        ends[origin] = places[-1]
    yield from _names(ends)


def _names(ends: Mapping[str, Point]) -> Iterator[str]:
    """Draw the labels in the right margin without overlap. A dotted line connects the label of a line that ends early."""
    lowest = -math.inf
    for origin, (x, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        lowest = max(y, lowest + 16)
        number = list(ends).index(origin) % 3
        if x < RIGHT:
            yield f'<line class="lead s{number}" x1="{x + 6:.1f}" y1="{y:.1f}" x2="{RIGHT + 4}" y2="{lowest:.1f}"/>'
        yield _text(RIGHT + 10, lowest + 4, AIRPORTS.get(origin, origin), f"n{number}")


def _bars(carriers: Sequence[Carrier]) -> Iterator[str]:
    """Draw the lower panel, with the latest carrier first."""
    yield _text(LEFT - 40, BARS_TOP - 26, f"Mean arrival delay of the {len(carriers)} busiest carriers", "panel")
    low, high, step = _scale(min([0.0, *(c.delay for c in carriers)]), max([1.0, *(c.delay for c in carriers)]), 5)
    bottom = BARS_TOP + BAR_STEP * len(carriers)
    for value in _marks(low, high, step):
        x = _between(value, low, high, BAR_LEFT, BAR_RIGHT)
        yield f'<line class="{"rule" if value else "zero"}" x1="{x:.1f}" x2="{x:.1f}" y1="{BARS_TOP - 8}" y2="{bottom}"/>'
        yield _text(x, bottom + 18, _number(value), "quiet mid")
    zero = _between(0, low, high, BAR_LEFT, BAR_RIGHT)
    for row, carrier in enumerate(sorted(carriers, key=lambda c: -c.delay)):
        y, x = BARS_TOP + row * BAR_STEP, _between(carrier.delay, low, high, BAR_LEFT, BAR_RIGHT)
        kind = "bar" if carrier.delay >= 0 else "early"
        yield f'<rect class="{kind}" x="{min(x, zero):.1f}" y="{y}" width="{max(abs(x - zero), 1):.1f}" height="{BAR_STEP - 9}" rx="2"/>'
        yield _text(BAR_LEFT - 12, y + 13, carrier.name, "end")
        yield _text(max(x, zero) + 8, y + 13, _number(carrier.delay, "+.1f"))
        yield _text(WIDTH - 32, y + 13, f"{carrier.flights:,} flights", "quiet end")
    yield _text((BAR_LEFT + BAR_RIGHT) / 2, bottom + 42, "Minutes late at the gate (below zero: early)", "quiet mid")


def _scale(low: float, high: float, lines: int) -> tuple[float, float, float]:
    """Return rounded bounds and a step (1, 2 or 5 times a power of ten) for about `lines` grid lines."""
    rough = max(high - low, 1e-9) / lines
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _marks(low: float, high: float, step: float) -> list[float]:
    return [low + count * step for count in range(round((high - low) / step) + 1)]


def _number(value: float, form: str = "g") -> str:
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def _between(value: float, low: float, high: float, start: float, end: float) -> float:
    """Map `value` from the range `low` to `high` to the range `start` to `end`."""
    return start + (value - low) / (high - low) * (end - start)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'

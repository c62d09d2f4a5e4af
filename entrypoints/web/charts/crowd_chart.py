"""A chart of how many ticks each span of a day or week has: past ones filled, those to come outlined."""

from collections.abc import Sequence
from dataclasses import dataclass

BASELINE = 64.0
MAX_HEIGHT, MIN_HEIGHT = 56.0, 3.0


@dataclass(frozen=True, slots=True)
class SpanCount:
    """The ticks of a span: that opened a run, that did not, and that are due. `label` names the span."""

    label: str
    ran: int
    unrun: int
    due: int

    @property
    def total(self) -> int:
        return self.ran + self.unrun + self.due


@dataclass(frozen=True, slots=True)
class CrowdBar:
    """A part of a bar. Positions and widths are in percent, heights in pixels; `kind` selects its look."""

    kind: str
    x: float
    width: float
    y: float
    height: float
    title: str


def lay_out_crowd_bars(spans: Sequence[SpanCount]) -> list[CrowdBar]:
    """Return the bars, from left to right, each built up from its parts."""
    most = max((span.total for span in spans), default=0)
    if not most:
        return []
    slot = 100 / len(spans)
    bars = []
    for index, span in enumerate(spans):
        top = BASELINE
        for kind, count in (("ran", span.ran), ("unrun", span.unrun), ("due", span.due)):
            if count:
                height = round(max(MIN_HEIGHT, MAX_HEIGHT * count / most), 1)
                top -= height
                bars.append(CrowdBar(kind, round(index * slot, 3), round(slot * 0.8, 3), round(top, 1), height, describe_span(span)))
    return bars


def describe_span(span: SpanCount) -> str:
    """Return the counts in words."""
    parts = [(span.ran, "ran"), (span.unrun, "did not run"), (span.due, "due")]
    return f"{span.label}: {', '.join(f'{count:,} {word}' for count, word in parts if count) or 'nothing'}"

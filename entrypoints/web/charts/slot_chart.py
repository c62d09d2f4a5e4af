"""A chart of a group's slots: one mark for each slot, or one bar if there are many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_MARKS: Final = 64
COLUMNS: Final = 16
STEP: Final = 18
SIZE: Final = 14
BAR_WIDTH: Final = 320.0
BAR_HEIGHT: Final = 14.0


@dataclass(frozen=True, slots=True)
class SlotMark:
    """A part of the chart, in pixels. `kind` is held, free or over, which selects its look; `title` says it in words."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class SlotChart:
    """The marks and the size of the drawing. `text` is what it shows, in words."""

    marks: Sequence[SlotMark]
    width: float
    height: float
    text: str


def lay_out_slots(limit: int | None, held: int) -> SlotChart | None:
    """Return the chart of a group with a limit and so many slots in use; None without a limit."""
    if limit is None:
        return None
    counts = {"held": min(held, limit), "over": max(0, held - limit), "free": max(0, limit - held)}
    marks = _lay_out_marks(counts) if sum(counts.values()) <= MAX_MARKS else _lay_out_bar(counts)
    return SlotChart(
        marks, max(mark.x + mark.width for mark in marks), max(mark.y + mark.height for mark in marks), describe_slots(limit, held)
    )


def describe_slots(limit: int | None, held: int) -> str:
    """Return how many slots are in use: "3 of 4 slots are in use"."""
    if limit is None:
        return f"{held:,} in use, without a limit"
    text = f"{held:,} of {limit:,} {'slot' if limit == 1 else 'slots'} {'is' if held == 1 else 'are'} in use"
    return f"{text}, {held - limit:,} over the limit" if held > limit else text


def _lay_out_marks(counts: dict[str, int]) -> list[SlotMark]:
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    return [
        SlotMark(kind, index % COLUMNS * STEP, index // COLUMNS * STEP, SIZE, SIZE, _TITLES[kind].format("A slot"))
        for index, kind in enumerate(kinds)
    ]


def _lay_out_bar(counts: dict[str, int]) -> list[SlotMark]:
    total, x, marks = sum(counts.values()), 0.0, []
    for kind, count in counts.items():
        if count:
            width = round(BAR_WIDTH * count / total, 2)
            marks.append(SlotMark(kind, round(x, 2), 0.0, width, BAR_HEIGHT, _TITLES[kind].format(f"{count:,} slots")))
            x += width
    return marks


_TITLES: Final = {"held": "{} in use", "over": "{} over the limit", "free": "{} free"}

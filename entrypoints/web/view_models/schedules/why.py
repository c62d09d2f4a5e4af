"""Why the runs of a day happened or not, as a pipeline's page shows it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from application.queries.explain_day.day_parsing import FIRST_YEAR, LAST_YEAR
from application.queries.explain_day.entries import DayEntry, DayExplanation, DayState
from entrypoints.web.view_models.formatting import StatusLabel

MAX_ITEMS: Final = 200
_RUN: Final = re.compile(r"(?<![\w.-])#([0-9]{1,18})\b")
"""The number of a run of this pipeline. The runs of other pipelines have names such as `etl#12`."""
_LABELS: Final = {
    DayState.FIRED: StatusLabel("completed", "Ran"),
    DayState.LATE: StatusLabel("waiting", "Late"),
    DayState.WAITING: StatusLabel("waiting", "Waiting"),
    DayState.MISSED: StatusLabel("missed", "Missed"),
    DayState.SKIPPED: StatusLabel("skipped", "Skipped"),
    DayState.PAUSED: StatusLabel("paused", "Paused"),
    DayState.DUE: StatusLabel("due", "Due"),
    DayState.NOT_DUE: StatusLabel("pending", "Not due"),
    DayState.CHANGED_CLOCK: StatusLabel("pending", "Clock change"),
    DayState.UNKNOWN: StatusLabel("lost", "Not known"),
}


@dataclass(frozen=True, slots=True)
class WhyPart:
    """A part of a sentence; `href` leads to the run that it names."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class WhyItem:
    """Ticks with the same outcome."""

    label: StatusLabel
    schedule: str
    parts: Sequence[WhyPart]


@dataclass(frozen=True, slots=True)
class WhySection:
    """The entries of a day. Without a question they are those of today that say why a run did not happen; `summary` counts the others."""

    day: str
    title: str
    is_asked: bool
    items: Sequence[WhyItem]
    summary: str
    earlier: str
    later: str
    first: str = f"{FIRST_YEAR}-01-01"
    last: str = f"{LAST_YEAR}-12-31"
    problem: str = ""


def build_why_section(explanation: DayExplanation, *, is_asked: bool, problem: str = "") -> WhySection:
    """Return the section. Without a question it leaves out runs that were opened in time, and those to come."""
    shown = [entry for entry in explanation.entries if is_asked or entry.is_explained_absence]
    day = explanation.day
    return WhySection(
        day.isoformat(),
        _get_title(explanation),
        is_asked,
        [_build_item(entry) for entry in shown[:MAX_ITEMS]],
        _summarize(explanation.entries, shown),
        (day - timedelta(days=1)).isoformat(),
        (day + timedelta(days=1)).isoformat(),
        problem=problem,
    )


def get_why_path(pipeline: int | str, day: date) -> str:
    """Return the path of a pipeline's page with the explanation of a day."""
    return f"/ui/pipelines/{pipeline}?day={day.isoformat()}#why"


def _get_title(explanation: DayExplanation) -> str:
    day = explanation.day
    name = {explanation.today: "Today, ", explanation.today - timedelta(days=1): "Yesterday, "}.get(day, "")
    return f"{name}{day:%A} {day.day} {day:%B %Y}"


def _build_item(entry: DayEntry) -> WhyItem:
    ticks = entry.ticks
    label = StatusLabel("queued", "Queued") if ticks.is_queued else _LABELS[ticks.state]
    return WhyItem(label, ticks.source, _split(entry.sentence, entry.named_runs))


def _split(sentence: str, run_ids: Mapping[int, int]) -> list[WhyPart]:
    """Return the sentence in parts, so that each run that it names is a link. `run_ids` are the ids of the runs, by number."""
    parts, position = [], 0
    for found in _RUN.finditer(sentence):
        if (run_id := run_ids.get(int(found[1]))) is not None:
            parts += [WhyPart(sentence[position : found.start()]), WhyPart(found[0], f"/ui/runs/{run_id}")]
            position = found.end()
    return [*parts, WhyPart(sentence[position:])]


def _summarize(entries: Sequence[DayEntry], shown: Sequence[DayEntry]) -> str:
    """Return what the entries that are left out are."""
    if len(shown) > MAX_ITEMS:
        return f"{len(shown) - MAX_ITEMS:,} more entries are in the API."
    left = [entry.ticks for entry in entries if entry not in shown]
    fired = sum(each.count for each in left if each.state is DayState.FIRED)
    due = sum(each.count for each in left if each.state is DayState.DUE)
    words = [f"{fired:,} ran in time" if fired else "", f"{due:,} still to come" if due else ""]
    counts = ", ".join(word for word in words if word)
    if shown:
        return f"Of the other runs of today, {counts}." if counts else ""
    return f"No run is missing today: {counts}." if counts else "No run is due today."

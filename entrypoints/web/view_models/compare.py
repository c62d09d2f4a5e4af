"""Two runs side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from application.queries.compare import Comparison, StagePair, time_taken
from application.queries.views import RunView, StageRunView
from application.queries.why import duration, seconds
from domain.definition import PipelineDefinition
from domain.definition_writer import stage_as_written
from entrypoints.web.view_models.words import DASH, Moment, StatusWord, grouped, moment, shown_value, status_word, triggered_by

NOTABLE = 1.25
"""A stage that took this many times as long, or as short, is marked; so are records."""
LEAST_SECONDS = 1.0
LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Side:
    id: int
    number: str
    href: str
    status: StatusWord
    started: Moment | None
    took: str
    records: str
    revision: int
    triggered_by: str


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    before: str
    after: str
    is_change: bool


@dataclass(frozen=True, slots=True)
class StageLine:
    name: str
    statuses: tuple[StatusWord | None, StatusWord | None]
    times: tuple[str, str]
    change: str
    is_notable: bool
    records: tuple[str, str]
    records_differ: bool


@dataclass(frozen=True, slots=True)
class ErrorPair:
    """The first stage that broke in one run only, or differently; `texts` are what each said."""

    stage: str
    texts: tuple[str, str]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`css` is ins, del, or empty for what is the same."""

    css: str
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class ComparePage:
    pipeline: str
    sides: tuple[Side, Side]
    parameters: Sequence[Row]
    stages: Sequence[StageLine]
    error: ErrorPair | None
    diff: Sequence[DiffLine]
    choices: Sequence[tuple[int, str]]
    """(id, words) of runs to compare the second with."""


def compare_page(found: Comparison, definitions: Mapping[int, PipelineDefinition], others: Sequence[RunView]) -> ComparePage:
    before, after = found.before, found.after
    return ComparePage(
        after.pipeline,
        (_side(before), _side(after)),
        [Row(each.name, shown_value(each.before), shown_value(each.after), each.is_change) for each in found.parameters],
        [_stage(pair) for pair in found.stages],
        ErrorPair(found.error.name, (_said(found.error.before), _said(found.error.after))) if found.error else None,
        _diff(definitions.get(before.revision), definitions.get(after.revision)) if before.revision != after.revision else (),
        [(run.id, f"#{run.number:,} {run.status.value}, revision {run.revision}") for run in others if run.id != after.id],
    )


def _side(run: RunView) -> Side:
    took = duration(run.finished_at, run.started_at) if run.finished_at and run.started_at else DASH
    return Side(
        run.id,
        f"#{run.number:,}",
        f"/ui/runs/{run.id}",
        status_word(run.status),
        moment(run.started_at),
        took,
        grouped(run.records_processed),
        run.revision,
        triggered_by(run.trigger, run.actor),
    )


def _stage(pair: StagePair) -> StageLine:
    before, after = pair.seconds
    longest = max(before or 0.0, after or 0.0)
    ratio = after / before if before and after else None
    is_notable = ratio is not None and longest >= LEAST_SECONDS and not 1 / NOTABLE < ratio < NOTABLE
    return StageLine(
        pair.name,
        (_status(pair.before), _status(pair.after)),
        (_seconds(pair.before), _seconds(pair.after)),
        f"{'+' if ratio > 1 else '−'}{abs(ratio - 1) * 100:,.0f} %" if ratio is not None and longest >= LEAST_SECONDS else "",
        is_notable,
        (grouped(pair.records[0]), grouped(pair.records[1])),
        pair.records[0] != pair.records[1],
    )


def _status(stage: StageRunView | None) -> StatusWord | None:
    return status_word(stage.status) if stage else None


def _seconds(stage: StageRunView | None) -> str:
    taken = time_taken(stage)
    return seconds(taken) if taken is not None else DASH


def _said(stage: StageRunView | None) -> str:
    if stage is None:
        return "has no such stage"
    return (stage.newest.error_message or stage.status.value.capitalize())[:LONGEST_ERROR]


def _diff(before: PipelineDefinition | None, after: PipelineDefinition | None) -> list[DiffLine]:
    if before is None or after is None:
        return []
    lines = unified_diff(_written(before), _written(after), n=3, lineterm="")
    signs = {"+": "ins", "-": "del"}
    return [DiffLine(signs.get(line[:1], ""), line[:1], line[1:]) for line in lines if not line.startswith(("+++", "---"))]


def _written(definition: PipelineDefinition) -> list[str]:
    whole: dict[str, Any] = {
        "name": definition.name,
        "description": definition.description,
        "parallelism": definition.parallelism,
        "pool": definition.pool,
        "parameters": definition.parameters,
        "stages": [stage_as_written(stage) for stage in definition.stages],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, default=str).splitlines()

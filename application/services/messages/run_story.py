"""Loads what a message says about a run that ended badly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from application.ports.queries.reader import Reader
from application.queries.runs.comparison import Comparison, Difference
from application.queries.runs.error_line import find_error_line
from application.queries.runs.failures import FAILED_STATUSES, find_failed_stage
from application.queries.runs.load_comparison import load_comparison
from application.queries.runs.similar_failures import find_similar_failures
from application.queries.views.history import FirstOccurrence
from application.queries.views.runs import RunView, StageRunView
from application.services.messages.plain_text import MASK, clean_line, is_secret_name
from application.services.messages.words import format_seconds
from domain.errors import HeadgateError, Unavailable
from domain.name_lists import format_names
from domain.runs.status import Status

MAX_CHANGES: Final = 8
MAX_VALUE_LENGTH: Final = 60
SLOW_RATIO: Final = 2.0
MIN_SLOW_SECONDS: Final = 10.0
"""A stage that took SLOW_RATIO times as long as before is a change, if it took so long at least."""


@dataclass(frozen=True, slots=True)
class RunStory:
    """A run, the stage that failed, if one did, and how it differs from the last completed run before it.

    `similar` is the number of the last runs with the same failure; `first` is the first one of all.
    """

    run: RunView
    stage: StageRunView | None = None
    line: int | None = None
    last_good: RunView | None = None
    changes: Sequence[str] = ()
    similar: int = 0
    first: FirstOccurrence | None = None


async def load_run_story(reader: Reader, run_id: int | None) -> RunStory | None:
    """Return the story of a run; None if it was deleted."""
    run = await reader.run(run_id) if run_id is not None else None
    if run is None:
        return None
    last_good = await find_last_good_run(reader, run.pipeline_id, below=run.id)
    stage = find_failed_stage(run) if run.status in FAILED_STATUSES else None
    if stage is None:
        return RunStory(run, last_good=last_good)
    similar, first = await _count_similar(reader, run, stage)
    changes = await _describe_changes(reader, last_good, run) if last_good else ()
    return RunStory(run, stage, await find_error_line(reader, run), last_good, changes, similar, first)


async def find_last_good_run(reader: Reader, pipeline_id: int, below: int | None = None) -> RunView | None:
    """Return the pipeline's last completed run, with an id less than `below`."""
    found = await reader.runs(pipeline_id=pipeline_id, status=Status.COMPLETED, skip=0, limit=1, below=below)
    return next(iter(found), None)


async def _count_similar(reader: Reader, run: RunView, stage: StageRunView) -> tuple[int, FirstOccurrence | None]:
    fingerprint = stage.newest.fingerprint
    if fingerprint is None:
        return 0, None
    similar = await find_similar_failures(reader, run, stage)
    return similar.count if similar else 0, await reader.first_seen(run.pipeline_id, stage.name, fingerprint)


async def _describe_changes(reader: Reader, last_good: RunView, run: RunView) -> Sequence[str]:
    try:
        comparison = await load_comparison(last_good, run, reader)
    except Unavailable:
        raise
    except HeadgateError:  # a revision is missing
        return ()
    changes = [*_describe_definition(comparison), *_describe_parameters(comparison), *_describe_stages(comparison)]
    hidden = len(changes) - MAX_CHANGES
    return [*changes[:MAX_CHANGES], f"{hidden} more changes"] if hidden > 0 else changes


def _describe_definition(comparison: Comparison) -> list[str]:
    """Name what changed without its values, which may be long or secret."""
    before, after = comparison.before.revision, comparison.after.revision
    if before == after:
        return []
    renames = [f"{pair.earlier_name} renamed to {pair.name}" for pair in comparison.stages if pair.earlier_name]
    paths = [each.path for each in comparison.definition if not each.is_stage_name]
    listed = format_names([clean_line(text, MAX_VALUE_LENGTH) for text in (*renames, *paths)])
    return [f"Revision {before} → {after}: {listed}" if listed else f"Revision {before} → {after}"]


def _describe_parameters(comparison: Comparison) -> list[str]:
    return [f"Parameter {clean_line(each.path, MAX_VALUE_LENGTH)}: {_describe_values(each)}" for each in comparison.parameters]


def _describe_values(difference: Difference) -> str:
    if is_secret_name(difference.path):
        return f"{MASK} (changed)"
    before = "not set" if difference.missing == "before" else _format_value(difference.before)
    after = "not set" if difference.missing == "after" else _format_value(difference.after)
    return f"{before} → {after}"


def _format_value(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return clean_line(str(value), MAX_VALUE_LENGTH) or '""'


def _describe_stages(comparison: Comparison) -> list[str]:
    changes = []
    for pair in comparison.stages:
        records_before, records_after = pair.records
        if records_before is not None and records_after is not None and records_before != records_after:
            changes.append(f"Records in {pair.name}: {records_before:,} → {records_after:,}")
        before, after = pair.seconds
        is_done = pair.after is not None and pair.after.status is Status.COMPLETED
        if is_done and before and after and after >= MIN_SLOW_SECONDS and after >= SLOW_RATIO * before:
            changes.append(f"{pair.name} took {format_seconds(after)} instead of {format_seconds(before)}")
    return changes

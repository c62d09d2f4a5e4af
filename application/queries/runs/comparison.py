"""Two runs of a pipeline side by side: what differs between them, and where the first difference of their errors is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.serialization import serialize_pipeline
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class Difference:
    """`path` names it (`month`, `stages.load.timeout`); a side without it is None there and `absent` in `missing`."""

    path: str
    before: Any
    after: Any
    missing: str | None = None
    """`before` or `after` when that side has no such thing."""


@dataclass(frozen=True, slots=True)
class StagePair:
    """One stage in both runs; None on the side that has no such stage. Seconds are from its first start to its end."""

    name: str
    before: StageRunView | None
    after: StageRunView | None

    @property
    def seconds(self) -> tuple[float | None, float | None]:
        return _seconds(self.before), _seconds(self.after)

    @property
    def records(self) -> tuple[int | None, int | None]:
        return _records(self.before), _records(self.after)


@dataclass(frozen=True, slots=True)
class ErrorDifference:
    """The first stage, in the graph's order, whose error is not the same; a side without an error is None."""

    stage: str
    before: str | None
    after: str | None
    is_alike: bool
    """Different words of the same failure."""


@dataclass(frozen=True, slots=True)
class Comparison:
    before: RunView
    after: RunView
    parameters: Sequence[Difference]
    definition: Sequence[Difference]
    stages: Sequence[StagePair]
    error: ErrorDifference | None


def build_comparison(before: RunView, after: RunView, definitions: tuple[PipelineDefinition, PipelineDefinition]) -> Comparison:
    """`definitions` are those of the two runs' revisions."""
    stages = _pairs(before, after)
    return Comparison(
        before,
        after,
        diff_mappings(before.parameters, after.parameters),
        diff_definitions(*definitions),
        stages,
        _first_error(stages),
    )


def diff_mappings(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> list[Difference]:
    """What is not the same in two objects, key by key; lists are compared whole."""
    found: list[Difference] = []
    for key in dict.fromkeys((*before, *after)):
        here = f"{path}.{key}" if path else str(key)
        if key not in before:
            found.append(Difference(here, None, after[key], "before"))
        elif key not in after:
            found.append(Difference(here, before[key], None, "after"))
        elif isinstance(before[key], Mapping) and isinstance(after[key], Mapping):
            found += diff_mappings(before[key], after[key], here)
        elif before[key] != after[key]:
            found.append(Difference(here, before[key], after[key]))
    return found


def diff_definitions(before: PipelineDefinition, after: PipelineDefinition) -> list[Difference]:
    return diff_mappings(_by_stage(before), _by_stage(after))


def _by_stage(definition: PipelineDefinition) -> dict[str, Any]:
    """As written, with the stages by their names: a stage that moved has not changed."""
    written = serialize_pipeline(definition)
    return written | {"stages": {stage["name"]: stage for stage in written["stages"]}}


def _pairs(before: RunView, after: RunView) -> list[StagePair]:
    old, new = ({stage.name: stage for stage in run.stages} for run in (before, after))
    return [StagePair(name, old.get(name), new.get(name)) for name in dict.fromkeys((*new, *old))]


def _first_error(stages: Sequence[StagePair]) -> ErrorDifference | None:
    for pair in stages:
        old, new = (_failed(stage) for stage in (pair.before, pair.after))
        if (old and old.error_message) != (new and new.error_message):
            alike = bool(old and new and old.fingerprint and old.fingerprint == new.fingerprint)
            return ErrorDifference(pair.name, old.error_message if old else None, new.error_message if new else None, alike)
    return None


def _failed(stage: StageRunView | None) -> AttemptView | None:
    return stage.newest if stage is not None and stage.status in (Status.FAILED, Status.LOST) else None


def _seconds(stage: StageRunView | None) -> float | None:
    if stage is None:
        return None
    started = next((attempt.started_at for attempt in stage.attempts if attempt.started_at), None)
    ended = stage.newest.finished_at
    return (ended - started).total_seconds() if started and ended else None


def _records(stage: StageRunView | None) -> int | None:
    return stage.newest.records_processed if stage else None

"""Compares two runs of a pipeline: parameters, definition, stages and the first error that differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.serialization import serialize_pipeline
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs. `path` names it, such as `month` or `stages.load.timeout`."""

    path: str
    before: Any
    after: Any
    missing: str | None = None
    """`before` or `after` if that side does not have the value; its field is None then."""


@dataclass(frozen=True, slots=True)
class StagePair:
    """One stage in both runs. A run that does not have the stage is None."""

    name: str
    before: StageRunView | None
    after: StageRunView | None

    @property
    def seconds(self) -> tuple[float | None, float | None]:
        """The time from the stage's first start to its end, in each run."""
        return _get_seconds(self.before), _get_seconds(self.after)

    @property
    def records(self) -> tuple[int | None, int | None]:
        return _get_records(self.before), _get_records(self.after)


@dataclass(frozen=True, slots=True)
class ErrorDifference:
    """The first stage, in the order of the graph, whose error differs. A run without an error in it is None."""

    stage: str
    before: str | None
    after: str | None
    is_alike: bool
    """True if the messages differ but have the same fingerprint."""


@dataclass(frozen=True, slots=True)
class Comparison:
    before: RunView
    after: RunView
    parameters: Sequence[Difference]
    definition: Sequence[Difference]
    stages: Sequence[StagePair]
    error: ErrorDifference | None


def build_comparison(before: RunView, after: RunView, definitions: tuple[PipelineDefinition, PipelineDefinition]) -> Comparison:
    """Compare two runs. `definitions` belong to the revisions of the two runs."""
    stages = _pair_stages(before, after)
    parameters = diff_mappings(before.parameters, after.parameters)
    return Comparison(before, after, parameters, diff_definitions(*definitions), stages, _find_first_error(stages))


def diff_mappings(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> list[Difference]:
    """Return the differences of two objects, key by key. Lists are compared as a whole."""
    differences: list[Difference] = []
    for key in dict.fromkeys((*before, *after)):
        key_path = f"{path}.{key}" if path else str(key)
        if key not in before:
            differences.append(Difference(key_path, None, after[key], "before"))
        elif key not in after:
            differences.append(Difference(key_path, before[key], None, "after"))
        elif isinstance(before[key], Mapping) and isinstance(after[key], Mapping):
            differences += diff_mappings(before[key], after[key], key_path)
        elif before[key] != after[key]:
            differences.append(Difference(key_path, before[key], after[key]))
    return differences


def diff_definitions(before: PipelineDefinition, after: PipelineDefinition) -> list[Difference]:
    return diff_mappings(_serialize_by_stage(before), _serialize_by_stage(after))


def _serialize_by_stage(definition: PipelineDefinition) -> dict[str, Any]:
    """Serialize the definition with its stages by name, so that the order of the stages makes no difference."""
    serialized = serialize_pipeline(definition)
    return serialized | {"stages": {stage["name"]: stage for stage in serialized["stages"]}}


def _pair_stages(before: RunView, after: RunView) -> list[StagePair]:
    old, new = ({stage.name: stage for stage in run.stages} for run in (before, after))
    return [StagePair(name, old.get(name), new.get(name)) for name in dict.fromkeys((*new, *old))]


def _find_first_error(stages: Sequence[StagePair]) -> ErrorDifference | None:
    for pair in stages:
        old, new = (_get_failed_attempt(stage) for stage in (pair.before, pair.after))
        if (old and old.error_message) != (new and new.error_message):
            is_alike = bool(old and new and old.fingerprint and old.fingerprint == new.fingerprint)
            return ErrorDifference(pair.name, old.error_message if old else None, new.error_message if new else None, is_alike)
    return None


def _get_failed_attempt(stage: StageRunView | None) -> AttemptView | None:
    return stage.newest if stage is not None and stage.status in (Status.FAILED, Status.LOST) else None


def _get_seconds(stage: StageRunView | None) -> float | None:
    if stage is None:
        return None
    started = next((attempt.started_at for attempt in stage.attempts if attempt.started_at), None)
    ended = stage.newest.finished_at
    return (ended - started).total_seconds() if started and ended else None


def _get_records(stage: StageRunView | None) -> int | None:
    return stage.newest.records_processed if stage else None

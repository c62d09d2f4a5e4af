"""Compares two runs of a pipeline: parameters, definition, stages and the first error that differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.queries.runs.stage_time import get_stage_seconds
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.renames import find_renamed_stages
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

    @property
    def is_stage_name(self) -> bool:
        """True for the new name of a stage, such as `stages.import.name`."""
        return self.path.startswith("stages.") and self.path.endswith(".name")


@dataclass(frozen=True, slots=True)
class StagePair:
    """One stage in both runs. A run that does not have the stage is None."""

    name: str
    before: StageRunView | None
    after: StageRunView | None

    @property
    def earlier_name(self) -> str | None:
        """The name in the first run, if the stage was renamed since."""
        return self.before.name if self.before is not None and self.before.name != self.name else None

    @property
    def seconds(self) -> tuple[float | None, float | None]:
        """How long the stage took in each run, without the time before manual retries."""
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
    stages = _pair_stages(before, after, find_renamed_stages(*definitions))
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
    """Return the differences. A stage that was renamed differs in its name, such as `stages.import.name`."""
    new_names = {old: new for new, old in find_renamed_stages(before, after).items()}
    return diff_mappings(_serialize_by_stage(before, new_names), _serialize_by_stage(after, {}))


def _serialize_by_stage(definition: PipelineDefinition, new_names: Mapping[str, str]) -> dict[str, Any]:
    """Serialize the definition with its stages by name, so that the order of the stages makes no difference."""
    serialized = serialize_pipeline(definition)
    stages = {new_names.get(stage["name"], stage["name"]): stage for stage in serialized["stages"]}
    for stage in stages.values():
        stage["needs"] = [new_names.get(name, name) for name in stage["needs"]]
    return serialized | {"stages": stages}


def _pair_stages(before: RunView, after: RunView, renames: Mapping[str, str]) -> list[StagePair]:
    new_names = {old: new for new, old in renames.items()}
    old = {new_names.get(stage.name, stage.name): stage for stage in before.stages}
    new = {stage.name: stage for stage in after.stages}
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
    ended = stage.newest.finished_at if stage is not None else None
    return get_stage_seconds(stage, ended) if stage is not None and ended is not None else None


def _get_records(stage: StageRunView | None) -> int | None:
    return stage.newest.records_processed if stage else None

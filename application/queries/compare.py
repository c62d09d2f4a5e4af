"""What differs between two runs, and how often a failure was seen before: pure comparisons of what readers gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.queries.views import AttemptView, RunView, StageRunView
from domain.status import Status

BROKEN = (Status.FAILED, Status.LOST)
ABSENT = object()
"""Stands for a parameter that a run was not given."""


@dataclass(frozen=True, slots=True)
class Change:
    """A named value in the one run and in the other; ABSENT where there is none."""

    name: str
    before: Any
    after: Any

    @property
    def is_change(self) -> bool:
        return bool(self.before != self.after)


@dataclass(frozen=True, slots=True)
class StagePair:
    """A stage in both runs; None where a run has no such stage."""

    name: str
    before: StageRunView | None
    after: StageRunView | None

    @property
    def records(self) -> tuple[int | None, int | None]:
        return _records(self.before), _records(self.after)

    @property
    def seconds(self) -> tuple[float | None, float | None]:
        return time_taken(self.before), time_taken(self.after)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`error` is the first stage, in order, that broke in one run only or in another way, with how it ended in each."""

    before: RunView
    after: RunView
    parameters: Sequence[Change]
    stages: Sequence[StagePair]
    error: StagePair | None


def compare(before: RunView, after: RunView) -> Comparison:
    """Stages in the order of the second run, those that only the first has behind them."""
    earlier = {stage.name: stage for stage in before.stages}
    pairs = [StagePair(stage.name, earlier.pop(stage.name, None), stage) for stage in after.stages]
    pairs += [StagePair(name, stage, None) for name, stage in earlier.items()]
    error = next((pair for pair in pairs if _error(pair.before) != _error(pair.after)), None)
    return Comparison(before, after, parameter_changes(before.parameters, after.parameters), pairs, error)


def parameter_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    names = [*after, *(name for name in before if name not in after)]
    return [Change(name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in names]


def first_broken(run: RunView) -> StageRunView | None:
    """The first stage that failed or was lost and was not allowed to; else the first that broke at all."""
    broken = [stage for stage in run.stages if stage.status in BROKEN]
    return next((stage for stage in broken if not stage.allow_failure), broken[0] if broken else None)


def tries_of_last_round(stage: StageRunView) -> Sequence[AttemptView]:
    """The attempts since a person last took it up, those that never started left out."""
    begun: list[AttemptView] = []
    for attempt in stage.attempts:
        begun = [attempt] if attempt.by_person else [*begun, attempt]
    return [attempt for attempt in begun if attempt.started_at or attempt.error_message]


def has_failure(run: RunView, fingerprint: str) -> bool:
    return any(attempt.fingerprint == fingerprint for stage in run.stages for attempt in stage.attempts)


def time_taken(stage: StageRunView | None) -> float | None:
    """Seconds of the newest attempt that ended; None when none did."""
    attempt = stage.newest if stage else None
    if attempt is None or attempt.started_at is None or attempt.finished_at is None:
        return None
    return max(0.0, (attempt.finished_at - attempt.started_at).total_seconds())


def _records(stage: StageRunView | None) -> int | None:
    return stage.newest.records_processed if stage else None


def _error(stage: StageRunView | None) -> tuple[str, str | None] | None:
    if stage is None or stage.status not in BROKEN:
        return None
    return stage.status.value, stage.newest.fingerprint

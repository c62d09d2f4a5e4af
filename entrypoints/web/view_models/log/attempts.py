"""How the log names the attempt that wrote a line: its stage, the stage's colour, its number and its status."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from application.queries.views.runs import AttemptView, RunView
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import StatusLabel, get_status_label

COLOURS = 6
"""Colours of stages in log.css. Neighbours in the definition have different ones."""
MAX_NAME_LENGTH = 16
"""Characters of a stage's name that its column shows."""
MAX_SHORT_NAME_LENGTH = 8
"""Characters of a stage's name that its column shows on a phone."""
MAX_LIVE_ATTEMPTS = 60
"""Attempts whose statuses an open page receives when the run changes: those that changed last."""
_END = 3
"""Characters at the end of a name that are shown although it is cut, since names of stages often differ there only."""


@dataclass(frozen=True, slots=True)
class AttemptLabel:
    """An attempt as the log shows it.

    `key` identifies it within the run. `name` is the stage's name cut for its column, and `short_name` for a phone, both empty if it fits.
    """

    key: str
    stage: str
    name: str
    short_name: str
    css: str
    number: int
    status: StatusLabel | None


class AttemptLabels:
    """The labels of a run's attempts."""

    def __init__(self, run: RunView) -> None:
        self._run = run
        self._stages: Mapping[str, int] = {stage.name: index for index, stage in enumerate(run.stages)}
        self._labels: dict[tuple[str, int], AttemptLabel] = {}

    def get(self, stage: str, number: int) -> AttemptLabel:
        """Return the label of an attempt. It has no status if the attempt began after the run was loaded."""
        key = (stage, number)
        if key not in self._labels:
            self._labels[key] = self._build(stage, number)
        return self._labels[key]

    def _build(self, stage: str, number: int) -> AttemptLabel:
        index = self._stages.get(stage, len(self._stages))
        attempts = self._run.stages[index].attempts if index < len(self._stages) else ()
        status = next((attempt.status for attempt in attempts if attempt.number == number), None)
        return AttemptLabel(
            f"{index}.{number}",
            stage,
            shorten_name(stage, MAX_NAME_LENGTH),
            shorten_name(stage, MAX_SHORT_NAME_LENGTH),
            f"stage-{index % COLOURS}",
            number,
            get_status_label(status) if status else None,
        )

    def find_changed_last(self) -> list[AttemptLabel]:
        """Return the labels of the attempts that changed last."""
        attempts = [(stage.name, each) for stage in self._run.stages for each in stage.attempts if each.status is not Status.PENDING]
        newest = sorted(attempts, key=lambda pair: _get_time_of_change(pair[1]), reverse=True)[:MAX_LIVE_ATTEMPTS]
        return [self.get(stage, attempt.number) for stage, attempt in newest]


def shorten_name(name: str, length: int) -> str:
    """Return the name cut in its middle to a length; empty if it is not longer."""
    return f"{name[: length - _END - 1]}…{name[-_END:]}" if len(name) > length else ""


def _get_time_of_change(attempt: AttemptView) -> datetime:
    return attempt.finished_at or attempt.started_at or attempt.queued_at or attempt.created_at

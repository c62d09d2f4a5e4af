"""The actions that a user can apply to all runs of a filtered list at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.runs.status import Status


class BulkAction(StrEnum):
    """An action, as the URL names it."""

    RETRY = "retry"
    CANCEL = "cancel"

    @property
    def path(self) -> str:
        """The address of its form."""
        return f"/ui/{self.value}-runs"


@dataclass(frozen=True, slots=True)
class BulkWords:
    """What pages call an action: its verb, its participle, and what it does to a run."""

    verb: str
    doing: str
    done: str
    effect: str


WORDS: Final[Mapping[BulkAction, BulkWords]] = {
    BulkAction.RETRY: BulkWords(
        "Retry",
        "Retrying",
        "retried",
        "Completed stages are kept. Failed, lost or cancelled stages run again, then the stages they blocked.",
    ),
    BulkAction.CANCEL: BulkWords(
        "Cancel",
        "Cancelling",
        "cancelled",
        "Running stages are asked to stop, and killed if they do not. Stages that have not started are cancelled.",
    ),
}
_APPLICABLE: Final[Mapping[BulkAction, Sequence[Status]]] = {
    BulkAction.RETRY: (Status.FAILED, Status.LOST, Status.CANCELLED),
    BulkAction.CANCEL: (Status.QUEUED, Status.RUNNING, Status.WAITING),
}
_UNFILTERED: Final = {**_APPLICABLE, BulkAction.RETRY: (Status.FAILED, Status.LOST)}
"""A cancelled run is retried only if the user filters by that status: somebody cancelled it on purpose."""


def get_statuses(action: BulkAction, filtered: str) -> Sequence[Status]:
    """Return the statuses of the runs that the action applies to, of a list with this filter by status; empty for no filter."""
    if not filtered:
        return _UNFILTERED[action]
    return [status for status in _APPLICABLE[action] if status == filtered]


def list_actions(filtered: str) -> Sequence[BulkAction]:
    """Return the actions that apply to runs of a list with this filter by status."""
    return [action for action in BulkAction if get_statuses(action, filtered)]

"""The dispatch of a run: one claim of the run by a worker."""

from dataclasses import dataclass
from enum import StrEnum


class DispatchState(StrEnum):
    NONE = "none"
    REQUESTED = "requested"
    CLAIMED = "claimed"


@dataclass(slots=True)
class Dispatch:
    """The newest dispatch of a run; at most one is open. Its state moves `none → requested → claimed → none`.

    `epoch` numbers the dispatches of a run from 1; it is 0 before the first. `holder` is the worker that claimed this one.
    """

    state: DispatchState = DispatchState.NONE
    epoch: int = 0
    holder: str | None = None

    def is_held_by(self, worker: str, epoch: int) -> bool:
        return self.state is DispatchState.CLAIMED and self.epoch == epoch and self.holder == worker

"""A run's dispatch: at most one is open; `none → requested → claimed → none`, numbered by `epoch`."""

from dataclasses import dataclass
from enum import StrEnum


class DispatchState(StrEnum):
    NONE = "none"
    REQUESTED = "requested"
    CLAIMED = "claimed"


@dataclass(slots=True)
class Dispatch:
    """`epoch` is the number of the newest dispatch, 0 before the first; `holder` is the worker that claimed it."""

    state: DispatchState = DispatchState.NONE
    epoch: int = 0
    holder: str | None = None

    def is_held_by(self, worker: str, epoch: int) -> bool:
        return self.state is DispatchState.CLAIMED and self.epoch == epoch and self.holder == worker

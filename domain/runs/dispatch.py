"""A run's burst: at most one is open; `none → requested → claimed → none`, numbered by `epoch`."""

from dataclasses import dataclass
from enum import StrEnum


class BurstState(StrEnum):
    NONE = "none"
    REQUESTED = "requested"
    CLAIMED = "claimed"


@dataclass(slots=True)
class Burst:
    """`epoch` is the number of the newest burst, 0 before the first; `holder` is the worker that claimed it."""

    state: BurstState = BurstState.NONE
    epoch: int = 0
    holder: str | None = None

    def is_held_by(self, worker: str, epoch: int) -> bool:
        return self.state is BurstState.CLAIMED and self.epoch == epoch and self.holder == worker

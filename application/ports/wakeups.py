"""What a use case says after its commit, so that others need not poll."""

from collections.abc import Sequence
from typing import Protocol

from domain.run import Run


class Wakeups(Protocol):
    """Never blocks, never fails: losing a wake-up delays, the services poll as a safety net."""

    def committed(self, runs: Sequence[Run] = (), *, bursts: Sequence[tuple[int, int]] = (), logs_of: Sequence[int] = ()) -> None:
        """Something was committed. `runs`: the workers that carry them should look; `bursts`: (run id, epoch) wait for a worker;
        `logs_of`: run ids whose logs grew."""
        ...

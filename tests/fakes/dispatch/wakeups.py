"""Wake-ups that are remembered and wake nobody."""

from collections.abc import Sequence

from domain.runs.dispatch import BurstState
from domain.runs.run import Run


class FakeWakeups:
    """What was said after commits: how often, which runs, which requested bursts (run id, epoch) and logs, in order."""

    def __init__(self) -> None:
        self.count = 0
        self.runs: list[int] = []
        self.bursts: list[tuple[int, int]] = []
        self.told: list[str] = []
        self.logs_of: list[int] = []

    def notify_committed(self, runs: Sequence[Run] = (), *, told: str | None = None, logs_of: Sequence[int] = ()) -> None:
        self.count += 1
        self.runs.extend(run.id for run in runs)
        self.bursts.extend((run.id, run.burst.epoch) for run in runs if run.burst.state is BurstState.REQUESTED)
        self.told.extend([told] if told else [])
        self.logs_of.extend(logs_of)

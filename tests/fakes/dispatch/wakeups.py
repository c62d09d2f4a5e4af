"""Wake-ups that are remembered and wake nobody."""

from collections.abc import Sequence

from domain.runs.dispatch import DispatchState
from domain.runs.run import Run


class FakeWakeups:
    """What was said after commits: how often, which runs, which requested dispatches (run id, epoch) and logs, in order."""

    def __init__(self) -> None:
        self.count = 0
        self.runs: list[int] = []
        self.dispatches: list[tuple[int, int]] = []
        self.told: list[str] = []
        self.logs_of: list[int] = []

    def notify_committed(self, runs: Sequence[Run] = (), *, told: str | None = None, logs_of: Sequence[int] = ()) -> None:
        self.count += 1
        self.runs.extend(run.id for run in runs)
        self.dispatches.extend((run.id, run.dispatch.epoch) for run in runs if run.dispatch.state is DispatchState.REQUESTED)
        self.told.extend([told] if told else [])
        self.logs_of.extend(logs_of)

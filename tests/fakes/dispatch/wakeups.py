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
        self.log_run_ids: list[int] = []

    def notify_committed(self, runs: Sequence[Run] = (), *, skip_worker: str | None = None, log_run_ids: Sequence[int] = ()) -> None:
        self.count += 1
        self.runs.extend(run.id for run in runs)
        self.dispatches.extend((run.id, run.dispatch.epoch) for run in runs if run.dispatch.state is DispatchState.REQUESTED)
        self.told.extend([skip_worker] if skip_worker else [])
        self.log_run_ids.extend(log_run_ids)

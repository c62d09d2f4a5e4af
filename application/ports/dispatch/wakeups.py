"""What a use case says after its commit, so that others need not poll."""

from collections.abc import Sequence
from typing import Protocol

from domain.runs.run import Run


class Wakeups(Protocol):
    """Never blocks, never fails: losing a wake-up delays, the services poll as a safety net."""

    def notify_committed(self, runs: Sequence[Run] = (), *, skip_worker: str | None = None, log_run_ids: Sequence[int] = ()) -> None:
        """Something was committed. `runs`: their workers should look, their requested dispatches be offered; `told`: the worker that
        caused it and gets the answer anyway; `log_run_ids`: run ids whose logs grew."""
        ...

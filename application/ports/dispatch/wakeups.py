"""Notifications after a commit, which spare the background services from polling."""

from collections.abc import Sequence
from typing import Protocol

from domain.runs.run import Run


class Wakeups(Protocol):
    """Wakes the background services. Never blocks and never fails.

    A lost notification only causes a delay, since the services also poll.
    """

    def notify_committed(self, runs: Sequence[Run] = (), *, skip_worker: str | None = None, log_run_ids: Sequence[int] = ()) -> None:
        """Announce a commit.

        `runs` are those that changed. Their requested dispatches are offered, and their workers are notified, except `skip_worker`, which
        gets the change with its response. `log_run_ids` are the runs with new log lines.
        """
        ...

    def notify_schedules_changed(self) -> None:
        """Announce that schedules may be due at other times than before."""
        ...

    def notify_slots_changed(self) -> None:
        """Announce that slots of concurrency limits may be free, e.g. because a limit was raised."""
        ...

    def notify_backfills_changed(self) -> None:
        """Announce that a backfill was started, or has something else to do than before."""
        ...

    def notify_alerts_changed(self) -> None:
        """Announce that runs may have to be judged by other alert rules than before."""
        ...

    def notify_deliveries_changed(self) -> None:
        """Announce that alert messages may be due, e.g. because a channel was changed or a silence ended."""
        ...

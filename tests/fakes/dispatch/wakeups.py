"""Wake-ups that are only recorded."""

from collections.abc import Sequence

from domain.runs.dispatch import DispatchState
from domain.runs.run import Run


class FakeWakeups:
    """Records notifications in order: their count, runs, requested dispatches (run id, epoch), skipped workers and logs."""

    def __init__(self) -> None:
        self.count = 0
        self.runs: list[int] = []
        self.dispatches: list[tuple[int, int]] = []
        self.skipped_workers: list[str] = []
        self.log_run_ids: list[int] = []
        self.schedule_changes = 0
        self.slot_changes = 0
        self.backfill_changes = 0
        self.alert_changes = 0
        self.delivery_changes = 0

    def notify_committed(self, runs: Sequence[Run] = (), *, skip_worker: str | None = None, log_run_ids: Sequence[int] = ()) -> None:
        self.count += 1
        self.runs.extend(run.id for run in runs)
        self.dispatches.extend((run.id, run.dispatch.epoch) for run in runs if run.dispatch.state is DispatchState.REQUESTED)
        self.skipped_workers.extend([skip_worker] if skip_worker else [])
        self.log_run_ids.extend(log_run_ids)

    def notify_schedules_changed(self) -> None:
        self.schedule_changes += 1

    def notify_slots_changed(self) -> None:
        self.slot_changes += 1

    def notify_backfills_changed(self) -> None:
        self.backfill_changes += 1

    def notify_alerts_changed(self) -> None:
        self.alert_changes += 1

    def notify_deliveries_changed(self) -> None:
        self.delivery_changes += 1

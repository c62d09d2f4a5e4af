"""Wakes the services of this process after a commit."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from application.ports.dispatch.worker_messages import StopRun, WakeRun
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.telemetry.telemetry import get_dispatch_trace_context
from domain.runs.dispatch import DispatchState
from domain.runs.run import Run
from domain.runs.status import Status

MAX_DISPATCH_REQUESTS = 4_096


@dataclass(frozen=True, slots=True)
class DispatchRequest:
    """A dispatch that needs a worker of its pool."""

    run_id: int
    epoch: int
    pool: str
    trace: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The trace context that the claim continues; only the process that requested the dispatch knows it."""
    priority: int = field(default=0, compare=False)


class LocalWakeups:
    """Implements `Wakeups` with events and a queue that the services wait on. Headgate's own workers serve `warm_pools`."""

    def __init__(self, worker_streams: WorkerStreams, warm_pools: frozenset[str]) -> None:
        self._worker_streams = worker_streams
        self._warm_pools = warm_pools
        self.dispatch_requests: asyncio.Queue[DispatchRequest | None] = asyncio.Queue(MAX_DISPATCH_REQUESTS)
        self.outbox = asyncio.Event()
        self.pending_changes = asyncio.Event()
        self.schedules = asyncio.Event()
        self.slots = asyncio.Event()
        self.backfills = asyncio.Event()
        self.alerts = asyncio.Event()
        self.expectations = asyncio.Event()
        self.judges_runs = True
        """Whether the judge of alerts waits for the ends of runs. It does not while there are no rules."""
        self.deliveries = asyncio.Event()
        self.flow_runs = asyncio.Event()
        """Set when flow runs were requested or are to be cancelled."""
        self.followed_flow_runs = asyncio.Event()
        """Set when there may be flow runs to follow or to cancel in Prefect."""
        self.log_run_ids: set[int] = set()

    def notify_committed(self, runs: Sequence[Run] = (), *, skip_worker: str | None = None, log_run_ids: Sequence[int] = ()) -> None:
        for run in runs:
            if run.dispatch.state is DispatchState.REQUESTED:
                self.request_dispatch(DispatchRequest(run.id, run.dispatch.epoch, run.pool, _get_parent_trace(run), run.priority))
            elif run.dispatch.holder not in (None, skip_worker):
                self._notify_worker(run, run.dispatch.holder or "")
            if run.is_over and run.trigger.schedule_id is not None:
                self.schedules.set()
            if run.is_over and run.trigger.backfill_id is not None:
                self.backfills.set()
            if self.judges_runs and has_alert_news(run):
                self.alerts.set()
            if run.has_slot_news:
                run.has_slot_news = False
                self.slots.set()
            if run.has_flow_run_news:
                run.has_flow_run_news = False
                self.flow_runs.set()
                self.followed_flow_runs.set()
        self.log_run_ids.update(log_run_ids)
        self.pending_changes.set()

    def notify_schedules_changed(self) -> None:
        self.schedules.set()

    def notify_slots_changed(self) -> None:
        self.slots.set()

    def notify_backfills_changed(self) -> None:
        self.backfills.set()

    def notify_alerts_changed(self) -> None:
        self.alerts.set()
        self.expectations.set()

    def notify_deliveries_changed(self) -> None:
        self.deliveries.set()

    def request_dispatch(self, request: DispatchRequest) -> None:
        """Wake the dispatcher, or the outbox relay if Prefect serves the pool."""
        if request.pool in self._warm_pools:
            with contextlib.suppress(asyncio.QueueFull):  # the dispatcher also finds the request when it polls the store
                self.dispatch_requests.put_nowait(request)
        else:
            self.outbox.set()

    def _notify_worker(self, run: Run, worker_id: str) -> None:
        if run.stop_requested_at is not None:
            self._worker_streams.push(worker_id, StopRun(run.id))
        elif run.startable_stages or run.has_timed_out_attempt or run.attempts_to_stop:
            self._worker_streams.push(worker_id, WakeRun(run.id))


def has_alert_news(run: Run) -> bool:
    """Return True if the run is over, or if nothing but approvals or reports can continue it."""
    return run.is_over or run.status is Status.WAITING


def _get_parent_trace(run: Run) -> Mapping[str, str]:
    """Return the trace that the claim continues: the trigger's for the first dispatch, none for one that follows a wait."""
    return get_dispatch_trace_context(run.trace, run.dispatch.epoch)[0]

"""What follows a commit in this process: workers are told, dispatches offered, other processes woken; all of it later, none awaited."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from application.ports.dispatch.worker_messages import StopRun, WakeRun
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.telemetry.telemetry import place_of_dispatch
from domain.runs.dispatch import DispatchState
from domain.runs.run import Run

MAX_DISPATCH_REQUESTS = 4_096


@dataclass(frozen=True, slots=True)
class DispatchRequest:
    """A requested dispatch that waits for a worker of its pool."""

    run_id: int
    epoch: int
    pool: str
    trace: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where the run's trace goes on; known to the process that requested the dispatch."""


class LocalWakeups:
    """Implements the port by setting flags and filling a queue that the services empty. `warm_pools` are served by our own workers."""

    def __init__(self, links: WorkerStreams, warm_pools: frozenset[str]) -> None:
        self._links = links
        self._warm_pools = warm_pools
        self.dispatch_requests: asyncio.Queue[DispatchRequest | None] = asyncio.Queue(MAX_DISPATCH_REQUESTS)
        self.outbox = asyncio.Event()
        self.pending_changes = asyncio.Event()
        self.logs_of: set[int] = set()

    def notify_committed(self, runs: Sequence[Run] = (), *, told: str | None = None, logs_of: Sequence[int] = ()) -> None:
        for run in runs:
            if run.dispatch.state is DispatchState.REQUESTED:
                self.request_dispatch(DispatchRequest(run.id, run.dispatch.epoch, run.pool, _get_parent_trace(run)))
            elif run.dispatch.holder not in (None, told):
                self._tell(run, run.dispatch.holder or "")
        self.logs_of.update(logs_of)
        self.pending_changes.set()

    def request_dispatch(self, request: DispatchRequest) -> None:
        """To a worker linked here, or to Prefect by the outbox."""
        if request.pool in self._warm_pools:
            with contextlib.suppress(asyncio.QueueFull):  # a hint: what is requested is also found in the store
                self.dispatch_requests.put_nowait(request)
        else:
            self.outbox.set()

    def _tell(self, run: Run, holder: str) -> None:
        if run.stop_requested_at is not None:
            self._links.push(holder, StopRun(run.id))
        elif run.startable_stages or run.has_timed_out_attempt or run.attempts_to_stop:
            self._links.push(holder, WakeRun(run.id))


def _get_parent_trace(run: Run) -> Mapping[str, str]:
    """Where a later dispatch is offered, there is nothing to go on in: it begins when the waiting is over, perhaps days after."""
    return place_of_dispatch(run.trace, run.dispatch.epoch)[0]

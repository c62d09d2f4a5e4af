"""What follows a commit in this process: workers are told, bursts offered, other processes woken; all of it later, none awaited."""

import asyncio
from collections.abc import Sequence

from application.ports.links import Stop, Wake, WorkerLinks
from domain.run import Run


class LocalWakeups:
    """Implements the port by setting flags and filling a queue that the services empty."""

    def __init__(self, links: WorkerLinks) -> None:
        self._links = links
        self.offers: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self.unannounced = asyncio.Event()
        self.logs_of: set[int] = set()

    def committed(self, runs: Sequence[Run] = (), *, bursts: Sequence[tuple[int, int]] = (), logs_of: Sequence[int] = ()) -> None:
        for run in runs:
            if run.burst.holder is not None:
                if run.stop_requested_at is not None:
                    self._links.push(run.burst.holder, Stop(run.id))
                elif run.startable:
                    self._links.push(run.burst.holder, Wake(run.id))
        for burst in bursts:
            self.offers.put_nowait(burst)
        self.logs_of.update(logs_of)
        self.unannounced.set()

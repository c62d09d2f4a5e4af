"""A stage's process on a worker's host: it runs for its time, ends as the plan says, and can be told to end."""

import asyncio

from application.ports.dispatch.worker_messages import AttemptStart, Claim
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.process import Process


class Job:
    """`ended` is completed or failed when it ended itself, else cancelled; the host frees it of whatever the worker suffers."""

    def __init__(self, context: SimulationContext, host: Process, claim: Claim, start: AttemptStart) -> None:
        self.attempted = (claim.run_id, start.stage, start.attempt)
        self.start = start
        self.why: str | None = None
        self._hangs = False
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._context, self._host = context, host
        self._work = context.plan.work(*self.attempted)
        context.ledger.begin(self.attempted, host.name)
        context.note("starts", host.name, *self.attempted)
        self._running = host.keep(self._run())

    def interrupt(self, why: str) -> None:
        """TERM, and it obeys in its time. The first reason stands, except that refused always does, and kills at once."""
        if self.ended.done() or (self.why is not None and why != "refused"):
            return
        self.why = why
        seconds = 0.01 if why == "refused" else self._work.termination_seconds
        asyncio.get_running_loop().call_later(seconds, self._running.cancel)

    def hang(self) -> None:
        """It will not end by itself any more."""
        self._hangs = True

    async def _run(self) -> None:
        status = "killed"
        try:
            await asyncio.sleep(self._work.seconds)
            if self._hangs:
                await asyncio.sleep(1e6)
            status = self._work.status
        finally:
            self._context.ledger.end(self.attempted, self._host.name)
            self._context.note("ends", self._host.name, *self.attempted, status)
            if not self.ended.done():
                self.ended.set_result(status)

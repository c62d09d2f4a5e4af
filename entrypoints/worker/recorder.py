"""Shows every burst of this worker in Prefect, beside: whatever Prefect does, the burst goes on."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow_async

from adapters.orchestration.prefect_rest import PrefectRest
from application.ports.orchestrator import FlowRunRequest, FlowState
from domain.errors import Unavailable
from entrypoints.worker.carrier import Carrier, Outcome
from entrypoints.worker.flow import Shown, run_pipeline, shown
from entrypoints.worker.link import Link, Refused
from entrypoints.worker.lull import Lull

log = logging.getLogger("headgate.prefect")

_AT_ONCE: Final = 2
"""Flow runs between their creation and Running: more only slow each other down, and the stages beside them."""
_WAITING: Final = 500
"""Bursts that may wait for their turn; the outbox records any further."""
_PATIENCE: Final = 10.0
"""Seconds after a burst's end in which Prefect may still take its record. Then the outbox, or reconciling, has it."""


class PrefectRecorder:
    """Implements Recorder by Prefect's own engine, in this process's event loop, when that has nothing more urgent to do."""

    def __init__(self, rest: PrefectRest, link: Link, lull: Lull) -> None:
        self._rest, self._link, self._lull = rest, link, lull
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()

    def record(self, carrier: Carrier, outcome: asyncio.Future[Outcome]) -> None:
        if len(self._tasks) < _WAITING:
            self._spawn(self._record(carrier, outcome))

    async def close(self) -> None:
        """Give what is being recorded a moment, then let it go."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, carrier: Carrier, outcome: asyncio.Future[Outcome]) -> None:
        try:
            since = self._lull.now()
            await self._turn.acquire()
            turn = _Turn(self._turn)
            try:
                await self._lull.wait(since)
                if (created := await self._created(carrier, outcome)) is not None:
                    self._spawn(self._note(carrier, str(created["id"])))
                    if created["state_type"] == "PENDING":
                        await self._run(created, Shown(carrier, outcome, turn.give_back, {}))
            finally:
                turn.give_back()
        except Exception:
            log.exception("Run %s is not shown in Prefect by its worker", carrier.key[0])

    async def _created(self, carrier: Carrier, outcome: asyncio.Future[Outcome]) -> dict[str, Any] | None:
        """The flow run, tried for as long as the burst lasts and a little longer; None when Prefect was away all the while."""
        pause = 0.5
        while True:
            try:
                return await self._rest.create(request_for(carrier))
            except Unavailable as error:
                log.info("Run %s waits to be recorded: %s", carrier.key[0], error)
            if outcome.done():
                return None
            await asyncio.wait({outcome}, timeout=pause)
            pause = min(10.0, 2 * pause)

    async def _note(self, carrier: Carrier, flow_run_id: str) -> None:
        try:
            await self._link.recorded(carrier.key, flow_run_id, carrier.trace.context)
        except Refused as refusal:
            log.warning("Headgate does not want to know of flow run %s: %s", flow_run_id, refusal)

    async def _run(self, created: dict[str, Any], burst: Shown) -> None:
        """Run the flow by Prefect's engine until the burst is over and, for a while, until Prefect knows."""
        flow_run = FlowRun.model_validate(created)
        # On this copy only: with it, each run would start an observer in a thread, which blocks the loop for 0.2 s.
        flow_run.deployment_id = None
        shown[burst.carrier.key] = burst
        engine = asyncio.create_task(run_flow_async(run_pipeline, flow_run=flow_run, parameters=created["parameters"], return_type="state"))
        try:
            await asyncio.wait({engine, burst.outcome}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({engine}, timeout=_PATIENCE)
        finally:
            if not engine.done():
                engine.cancel()
                await asyncio.wait({engine}, timeout=2)
            elif not engine.cancelled() and engine.exception() is not None:
                log.warning("Flow run %s: %r", created["name"], engine.exception())
            shown.pop(burst.carrier.key, None)


class _Turn:
    """One of the few that may be on their way to Running; given back once, however often it is said."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns: asyncio.Semaphore | None = turns

    def give_back(self) -> None:
        if self._turns is not None:
            self._turns.release()
            self._turns = None


def request_for(carrier: Carrier) -> FlowRunRequest:
    """The flow run of this burst, as the outbox's relay would ask for it too."""
    claim = carrier.claim
    return FlowRunRequest(
        pool=claim.pool,
        key=claim.key,
        name=f"{claim.pipeline} #{claim.number}" + (f" burst {claim.epoch}" if claim.epoch > 1 else ""),
        parameters={"run_id": claim.run_id, "number": claim.number, "epoch": claim.epoch},
        state=FlowState.PENDING,
    )

"""Gives free slots to the runs and stages that wait for them, in every web process."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from application.observability.grant_tracer import GrantTracer
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Telemetry
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.failure_isolation import FailureIsolation
from domain.concurrency.allocation import Allocation
from domain.concurrency.slots import SlotRequest
from domain.runs.run import Run
from domain.runs.run_slots import drop_request, get_buckets, waits_for_slots

BATCH_SIZE: Final = 32
"""Requests that one transaction grants."""
MAX_LISTED: Final = 500
"""Requests that one transaction reads."""
POLL_SECONDS: Final = 1.0
"""How long a lost wake-up, or the end of the process that gave a slot back, may delay a grant."""
MAX_SLEEP_SECONDS: Final = 30.0
"""The longest sleep while no request waits. The change feed shows requests that other processes make."""


class GrantService:
    """Grants the requests that fit, by priority and age, until none fits.

    The buckets are locked before their states are read, so several processes never give out the same slot. Slots are given back without
    these locks, so the states that were read can only become better.
    """

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: LocalWakeups, telemetry: Telemetry) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups
        self._tracer = GrantTracer(telemetry)
        self._isolation = FailureIsolation()
        self._has_waiting = True
        """Whether requests may wait. True before the first pass, and after one that failed."""

    async def wait(self) -> None:
        """Return when slots may be free or new requests wait. Return after POLL_SECONDS if requests wait, else after MAX_SLEEP_SECONDS."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS if self._has_waiting else MAX_SLEEP_SECONDS):
                await self._wakeups.slots.wait()

    async def run_once(self) -> None:
        """Grant all that fits. Raise the last error of a run that could not be granted its slots."""
        self._wakeups.slots.clear()
        self._has_waiting = True
        await self._isolation.run_batches(self._grant_batch)

    async def _grant_batch(self) -> bool:
        """Grant requests in one transaction. Return False if nothing was changed."""
        with self._isolation.isolate() as run_ids:
            async with self._open_unit_of_work() as work:
                requests = await self._choose(work, self._isolation.take_limit(BATCH_SIZE))
                run_ids.update(request.run_id for request in requests)
                changed = await self._grant(work, requests) if requests else []
        self._wakeups.notify_committed(changed)
        return bool(changed)

    async def _choose(self, work: UnitOfWork, limit: int) -> list[SlotRequest]:
        """Find requests that fit, lock their buckets, and return those that get their slots."""
        candidates = self._exclude_quarantined(await work.concurrency.find_grantable(BATCH_SIZE + len(self._isolation.excluded)))
        if not candidates:
            self._has_waiting = await work.concurrency.has_waiting()
            return []
        buckets = sorted({bucket for request in candidates for bucket in request.buckets})
        states = await work.concurrency.lock(buckets)
        listed = await work.concurrency.list_waiting([bucket.name for bucket in buckets], MAX_LISTED)
        # A candidate beyond MAX_LISTED still fits if all requests before it are blocked by other buckets.
        unlisted = set(candidates).difference(listed) if len(listed) == MAX_LISTED else set()
        return Allocation(states).grant(self._exclude_quarantined([*listed, *unlisted]), limit)

    async def _grant(self, work: UnitOfWork, requests: Sequence[SlotRequest]) -> list[Run]:
        """Grant the requests and commit. Return the runs that changed."""
        runs = await work.runs.lock(sorted({request.run_id for request in requests}))
        with self._tracer.trace_grants(list(runs.values())):
            self._change_runs(requests, runs)
            changed = [run for run in runs.values() if run.slot_changes]
            await work.runs.save(*changed)
            await work.commit()
        return changed

    def _change_runs(self, requests: Sequence[SlotRequest], runs: Mapping[int, Run]) -> None:
        """Grant the requests of runs that still wait, and drop the others, which changed after they were read."""
        by_run: defaultdict[int, list[SlotRequest]] = defaultdict(list)
        for request in requests:
            by_run[request.run_id].append(request)
        now = self._clock.now()
        for run_id, run in runs.items():
            for request in by_run[run_id]:
                if waits_for_slots(run, request.position) and get_buckets(run, request.position) == request.buckets:
                    run.grant(request.position, now)
                else:
                    drop_request(run, request.position, now)

    def _exclude_quarantined(self, requests: Sequence[SlotRequest]) -> list[SlotRequest]:
        return [request for request in requests if request.run_id not in self._isolation.excluded]

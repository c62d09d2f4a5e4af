"""Carrying a burst where Prefect's own worker started the flow: on another machine, in a container, in another pool.

The process finds Headgate by its environment: HEADGATE_URL and HEADGATE_WORKER_TOKEN (or HEADGATE_HOME with the secret, on the same
machine). They are set for Prefect's worker, not in the deployment: what is in Prefect's database can be read by everyone who uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator

from entrypoints.settings import Settings
from entrypoints.worker.attempt import Bench
from entrypoints.worker.flow import Shown
from entrypoints.worker.hosts import Hosts
from entrypoints.worker.link import Identity, Link, Refused
from entrypoints.worker.process import surroundings, version, worker_token
from entrypoints.worker.slots import Slots
from entrypoints.worker.wire import BurstKey
from entrypoints.worker.worker import Rhythm, Worker

log = logging.getLogger("headgate.worker")


@contextlib.asynccontextmanager
async def carry_here(burst: BurstKey) -> AsyncIterator[Shown | str]:
    """Claim the burst and carry it while the context is open; a sentence instead when it is not there to be claimed.

    Leaving the context early ends what runs.
    """
    settings = Settings.read()
    slots = Slots(settings.worker_slots, offered=False)
    link = Link(settings.public_url, worker_token(settings), Identity(settings.worker_name, "", 0, version()))
    try:
        try:
            claim = await link.claim(burst, slots.free)
        except Refused as refusal:
            log.info("Burst %s of run %s is not carried here: %s", burst[1], burst[0], refusal)
            yield "Another burst took over." if refusal.status in (404, 409) else f"Headgate refused it: {refusal}"
            return
        link.identity = dataclasses.replace(link.identity, pool=claim.pool)
        bench = Bench(Hosts(), link, surroundings(settings), settings.cancel_grace_seconds)
        worker = Worker(bench, slots, Rhythm(settings.heartbeat_seconds, settings.lease_seconds, drain=0.0))
        carrier, outcome = worker.take(claim)
        leave = asyncio.Event()
        life = asyncio.create_task(worker.run(leave))
        try:
            yield Shown(carrier, outcome, lambda: None, {})
            await worker.idle()
        finally:
            leave.set()
            await asyncio.gather(life, return_exceptions=True)
            await bench.hosts.close()
    finally:
        await link.close()

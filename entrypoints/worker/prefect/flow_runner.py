"""Carrying a dispatch where Prefect's own worker started the flow: on another machine, in a container, in another pool.

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
from entrypoints.worker.client.api_client import ApiClient, RequestRejected, WorkerIdentity
from entrypoints.worker.prefect.flow import TrackedDispatch
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker.runner.stage_environment import StageJobBuilder
from entrypoints.worker.runner.worker import Worker, WorkerTimings
from entrypoints.worker.runner.worker_setup import build_stage_settings, get_version, get_worker_token
from entrypoints.worker.stage_host.manager import StageHostManager
from entrypoints.worker_protocol.messages import DispatchKey

log = logging.getLogger("headgate.worker")


@contextlib.asynccontextmanager
async def claim_and_execute(dispatch: DispatchKey) -> AsyncIterator[TrackedDispatch | str]:
    """Claim the dispatch and carry it while the context is open; a sentence instead when it is not there to be claimed.

    Leaving the context early ends what runs.
    """
    settings = Settings.read()
    slots = Slots(settings.worker_slots, is_offering=False)
    api = ApiClient(settings.public_url, get_worker_token(settings), WorkerIdentity(settings.worker_name, "", 0, get_version()))
    try:
        try:
            claim = await api.claim(dispatch, slots.free)
        except RequestRejected as rejection:
            log.info("Dispatch %s of run %s is not carried here: %s", dispatch[1], dispatch[0], rejection)
            yield "Another dispatch took over." if rejection.status in (404, 409) else f"Headgate refused it: {rejection}"
            return
        api.identity = dataclasses.replace(api.identity, pool=claim.pool)
        hosts = StageHostManager()
        context = StageContext(hosts, StageJobBuilder(build_stage_settings(settings)), api, settings.cancel_grace_seconds)
        worker = Worker(context, slots, WorkerTimings(settings.heartbeat_seconds, settings.lease_seconds, drain=0.0))
        executor, result = worker.start_dispatch(claim)
        leave = asyncio.Event()
        life = asyncio.create_task(worker.run(leave))
        try:
            yield TrackedDispatch(executor, result, lambda: None, {})
            await worker.wait_until_idle()
        finally:
            leave.set()
            await asyncio.gather(life, return_exceptions=True)
            await hosts.close()
    finally:
        await api.close()

"""Executes a dispatch where Prefect's own worker has started the flow: on another machine, in a container, in another pool.

The process finds Headgate by its environment: HEADGATE_URL and HEADGATE_WORKER_TOKEN (or HEADGATE_HOME with the secret, on the same
machine). Set them for Prefect's worker, not in the deployment, because every user of Prefect can read its database.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

from entrypoints.settings import Settings
from entrypoints.worker.client.api_client import ApiClient, RequestRejected, WorkerIdentity
from entrypoints.worker.prefect.flow import TrackedDispatch
from entrypoints.worker.runner.single_dispatch import run_single_dispatch
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker.runner.stage_environment import StageJobBuilder
from entrypoints.worker.runner.worker import WorkerTimings
from entrypoints.worker.runner.worker_setup import build_stage_settings, get_version, get_worker_token, prepare_stage_hosts
from entrypoints.worker_protocol.messages import DispatchKey

log = logging.getLogger("headgate.worker")


@contextlib.asynccontextmanager
async def claim_and_execute(dispatch: DispatchKey) -> AsyncIterator[TrackedDispatch | str]:
    """Claim the dispatch and execute it while the context is open; yield a sentence instead if it cannot be claimed.

    Leaving the context early ends running attempts.
    """
    settings = Settings.read()
    identity = WorkerIdentity(settings.worker_name, "", 0, get_version())
    api = ApiClient(settings.public_url, get_worker_token(settings), identity, web_urls=settings.web_urls)
    hosts = await prepare_stage_hosts(settings)
    context = StageContext(hosts, StageJobBuilder(build_stage_settings(settings)), api, settings.cancel_grace_seconds)
    slots = Slots(settings.worker_slots, is_offering=False)
    timings = WorkerTimings(settings.heartbeat_seconds, settings.lease_seconds, drain=0.0)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(api.close)
        stack.push_async_callback(hosts.close)
        try:
            executor, result = await stack.enter_async_context(run_single_dispatch(dispatch, context, slots, timings))
        except RequestRejected as rejection:
            log.info("Run %s: dispatch %s cannot be claimed: %s", dispatch[0], dispatch[1], rejection)
            yield "Another dispatch took over." if rejection.status in (404, 409) else f"Headgate rejected it: {rejection}"
            return
        yield TrackedDispatch(executor, result, lambda: None, {})

"""The worker's heartbeats: they renew leases, report free slots and bring what the message stream has missed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import httpx

from application.ports.dispatch.worker_messages import StopRun, WakeRun
from entrypoints.worker.client.api_client import ApiClient, RequestRejected, TokenRejected
from entrypoints.worker.runner.active_dispatches import ActiveDispatches
from entrypoints.worker.runner.leases import HeartbeatSignal, LeaseMonitor
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker_protocol.messages import HeartbeatResponse

CALL_ERRORS: Final = (httpx.HTTPError, RequestRejected, ValueError)
_TOKEN_PROBLEMS: Final = ("unauthorized", "token_scope")
"""The kinds of problems that say that the token is invalid. A 403 of a proxy says nothing about it."""
_POLL_SECONDS: Final = 1.0
_SLOT_REPORT_DELAY: Final = 0.02


class Heartbeats:
    """Sends a heartbeat every `interval` seconds, and at once when one is requested."""

    def __init__(
        self, api: ApiClient, slots: Slots, dispatches: ActiveDispatches, leases: LeaseMonitor, signal: HeartbeatSignal, interval: float
    ) -> None:
        self._api, self._slots, self._dispatches, self._leases = api, slots, dispatches, leases
        self._signal, self._interval = signal, interval
        self._slots_timer: asyncio.TimerHandle | None = None
        slots.on_change = self._on_slots_changed

    async def run(self) -> None:
        """Send heartbeats until cancelled. Raises TokenRejected."""
        while True:
            self._signal.due.clear()
            try:
                await self.send()
            except CALL_ERRORS as error:
                if isinstance(error, RequestRejected) and error.problem in _TOKEN_PROBLEMS:
                    raise TokenRejected(str(error)) from error
                self._api.connectivity.record_failure(error)
                await asyncio.sleep(min(_POLL_SECONDS, self._interval))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._get_interval()):
                    await self._signal.due.wait()

    async def send(self) -> None:
        """Send one heartbeat and act on its answer. Raises one of CALL_ERRORS."""
        sent_at = asyncio.get_running_loop().time()
        free = self._slots.count_offered()
        held = self._dispatches.get_held_attempts()
        answer = await self._api.heartbeat(free, self._slots.received, self._slots.is_offering, held)
        self._slots.reported_free = free
        self._apply(answer, sent_at)

    def _get_interval(self) -> float:
        # Without an open stream, heartbeats are the only way to get work.
        is_polling = self._slots.received is None and self._slots.is_offering
        return min(_POLL_SECONDS, self._interval) if is_polling else self._interval

    def _apply(self, answer: HeartbeatResponse, sent_at: float) -> None:
        for key in answer.renewed:
            self._leases.renew(key, sent_at)
        for key in answer.refused:
            self._dispatches.revoke(key)
        for run_id in answer.stop:
            self._dispatches.apply(StopRun(run_id))
        for run_id in answer.wake:
            self._dispatches.apply(WakeRun(run_id))
        for claim in answer.claims:
            self._dispatches.start_if_new(claim)
        self._signal.answered()

    def _on_slots_changed(self) -> None:
        """Report free slots if Headgate's own count is wrong, but not for each of several changes."""
        if self._slots_timer is None:
            self._slots_timer = asyncio.get_running_loop().call_later(_SLOT_REPORT_DELAY, self._report_free_slots)

    def _report_free_slots(self) -> None:
        self._slots_timer = None
        slots = self._slots
        if slots.received is not None and not slots.steps_in_flight and slots.count_offered() != slots.reported_free:
            self._signal.request()

"""The stream of messages from Headgate to this worker: claims, stops and wake-ups."""

from __future__ import annotations

import asyncio

from application.ports.dispatch.worker_messages import Claim, WorkerMessage
from entrypoints.worker.client.api_client import ApiClient
from entrypoints.worker.runner.active_dispatches import ActiveDispatches
from entrypoints.worker.runner.heartbeats import CALL_ERRORS
from entrypoints.worker.runner.leases import HeartbeatSignal
from entrypoints.worker.runner.slots import Slots


class MessageStream:
    """Keeps one stream open and acts on its messages. `connected` is set while it is open."""

    def __init__(self, api: ApiClient, slots: Slots, dispatches: ActiveDispatches, signal: HeartbeatSignal) -> None:
        self._api, self._slots, self._dispatches, self._signal = api, slots, dispatches, signal
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Read messages until cancelled; open the stream again whenever it ends."""
        pause = 0.1
        while True:
            try:
                async for message in self._api.stream_messages(self._slots.count_offered()):
                    pause = 0.1
                    self.apply(message)
            except CALL_ERRORS as error:
                self._api.connectivity.record_failure(error)
            self._slots.received = None
            self.connected.clear()
            self._signal.request()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    def apply(self, message: WorkerMessage | None) -> None:
        """Act on a message. None says that the stream is open."""
        if message is None:
            self._slots.received = 0
            self.connected.set()
            self._signal.request()
        elif isinstance(message, Claim):
            self._slots.received = (self._slots.received or 0) + 1
            self._slots.reported_free -= len(message.starts)
            self._dispatches.start_if_new(message)
        else:
            self._dispatches.apply(message)

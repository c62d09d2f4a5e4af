"""A client of the event stream that reconnects to another web when its stream breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import httpx


class Viewer:
    """`seen[run id][seq]` is the type and status of an event. `statuses[run id]` is the latest sequence number and status of a run."""

    def __init__(self, urls: Sequence[str], first: int = 0) -> None:
        self.seen: dict[int, dict[int, str]] = defaultdict(dict)
        self.statuses: dict[int, tuple[int, str]] = {}
        self.broken: list[str] = []
        self.connected = asyncio.Event()
        self._urls = cycle([*urls[first:], *urls[:first]])
        self._last_event_id: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Return when it has a position in the stream, so that it misses nothing committed later."""
        self._task = asyncio.create_task(self._reconnect_forever())
        await asyncio.wait_for(self.connected.wait(), 30)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _reconnect_forever(self) -> None:
        async with httpx.AsyncClient(timeout=httpx.Timeout(20.0, connect=1.0), trust_env=False) as http:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    await self._follow(http, next(self._urls))
                await asyncio.sleep(0.1)

    async def _follow(self, http: httpx.AsyncClient, url: str) -> None:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_event_id} if self._last_event_id else {})
        async with http.stream("GET", f"{url}/events/", headers=headers) as answer:
            if answer.status_code != 200:
                await answer.aread()
                if answer.status_code != 503:
                    self.broken.append(f"/events/ answered {answer.status_code}: {answer.text[:200]}")
                return
            message: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    message[name] = value
                elif message:
                    self._record(message)
                    message = {}

    def _record(self, message: dict[str, str]) -> None:
        if "data" in message:
            event = json.loads(message["data"])
            if "run_id" in event:  # others belong to no run
                self._record_run_event(event)
        if "id" in message:
            self._last_event_id = message["id"]
            self.connected.set()

    def _record_run_event(self, event: dict[str, Any]) -> None:
        run_id, seq = event["run_id"], event["seq"]
        text = f"{event['type']} {event['status']}"
        if self.seen[run_id].setdefault(seq, text) != text:
            self.broken.append(f"run {run_id} seq {seq} was {self.seen[run_id][seq]}, then {text}")
        if event["type"] == "run.moved" and seq > self.statuses.get(run_id, (0, ""))[0]:
            self.statuses[run_id] = (seq, event["status"])

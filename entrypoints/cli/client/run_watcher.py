"""Follow a run until it finishes: by its event stream, and by polling while the stream is down."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.runs.status import TERMINAL
from entrypoints.cli.client.errors import ApiError, Unreachable
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.screens.screen import Screen

LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class WatchTimings:
    """Intervals in seconds."""

    poll: float = 5.0
    """Between polls while the stream works."""
    poll_without_stream: float = 1.0
    reconnect: float = 0.5
    """Before the stream is opened again."""
    give_up: float = 60.0
    """Without any answer, until the watch fails."""


class RunWatcher:
    """Watches one run. Cancelling `watch_until_finished` stops the watch only; the run continues."""

    def __init__(self, client: HeadgateClient, run_id: int, screen: Screen, timings: WatchTimings | None = None) -> None:
        self._client = client
        self._run_id = run_id
        self._screen = screen
        self._timings = timings or WatchTimings()
        self._changed = asyncio.Event()
        self._is_streaming = False
        self._cursor: str | None = None
        self._last_seq = 0

    async def watch_until_finished(self) -> str:
        """Show the run until it finishes and return its final status.

        Raise Unreachable after a minute without an answer. Raise ApiError at once if the server refuses for good.
        """
        following = asyncio.create_task(self._follow_stream())
        try:
            run, stages = await self._poll_until_finished()
            await self._drain_stream(following)
            self._screen.end(run, stages, await self._read_log_tails(stages))
            return str(run["status"])
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _poll_until_finished(self) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
        last_answer = time.monotonic()
        while True:
            self._changed.clear()
            try:
                run, stages = await self._client.get_run(self._run_id)
            except (Unreachable, ApiError) as error:
                is_final = isinstance(error, ApiError) and not error.is_transient
                if is_final or time.monotonic() - last_answer > self._timings.give_up:
                    raise
                self._screen.note(f"{error}; trying again")
            else:
                last_answer = time.monotonic()
                self._screen.show(run, stages)
                if run["status"] in TERMINAL:
                    return run, stages
            interval = self._timings.poll if self._is_streaming else self._timings.poll_without_stream
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._changed.wait()

    async def _follow_stream(self) -> None:
        """Show every event once. Reopen the stream after the last event whenever it ends."""
        while True:
            with contextlib.suppress(Unreachable, ApiError):
                async for streamed in self._client.stream_events(self._run_id, self._cursor):
                    self._is_streaming = True
                    self._cursor = streamed.cursor or self._cursor
                    if self._show_event(streamed.event):
                        return
            self._is_streaming = False
            await asyncio.sleep(self._timings.reconnect)

    def _show_event(self, event: Mapping[str, Any]) -> bool:
        """Show the event unless it was shown before. Return True if it ends the run."""
        if event["seq"] <= self._last_seq:
            return False
        self._last_seq = event["seq"]
        self._screen.event(event)
        self._changed.set()
        return event["type"] == "run.moved" and event.get("status") in TERMINAL

    async def _drain_stream(self, following: asyncio.Task[None]) -> None:
        """Wait briefly for the last events: polling may see the end of the run before the stream delivers it."""
        await asyncio.wait({following}, timeout=2 * self._timings.reconnect)

    async def _read_log_tails(self, stages: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
        """Return the last log lines of each failed or lost stage, by name. Return what could be read if the server fails."""
        tails: dict[str, list[str]] = {}
        with contextlib.suppress(Unreachable, ApiError):
            for stage in stages:
                if stage["status"] in ("failed", "lost"):
                    lines = await self._client.get_log_tail(self._run_id, stage["name"], stage.get("attempt") or 1, LOG_TAIL_LINES)
                    tails[stage["name"]] = [line["text"] for line in lines]
        return {name: lines for name, lines in tails.items() if lines}

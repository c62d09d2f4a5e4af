"""Follows a run to its end: by the stream of its events while that works, by asking now and then while it does not."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.runs.status import TERMINAL
from entrypoints.cli.client.headgate_client import ApiError, HeadgateClient, Unreachable
from entrypoints.cli.screens.run_screens import Screen

TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class WatchTimings:
    """Seconds: between looks while the stream works and while it does not, before the stream is opened again, and until no answer means
    that nobody will answer."""

    look: float = 5.0
    look_alone: float = 1.0
    reopen: float = 0.5
    give_up: float = 60.0


class RunWatcher:
    """One watched run. `to_the_end` may be cancelled at any time; the run goes on."""

    def __init__(self, client: HeadgateClient, run_id: int, screen: Screen, patience: WatchTimings | None = None) -> None:
        self._client = client
        self._run_id = run_id
        self._screen = screen
        self._patience = patience or WatchTimings()
        self._news = asyncio.Event()
        self._streams = False
        self._cursor: str | None = None
        self._last_seq = 0

    async def watch_until_finished(self) -> str:
        """Show the run until it is over; return its last status. Raises Unreachable after a minute without an answer, Refused at once."""
        following = asyncio.create_task(self._follow())
        try:
            run, stages = await self._until_over()
            await self._let_the_stream_end(following)
            self._screen.end(run, stages, await self._log_tails(stages))
            return str(run["status"])
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _until_over(self) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
        answered = time.monotonic()
        while True:
            self._news.clear()
            try:
                run, stages = await self._client.run(self._run_id)
            except (Unreachable, ApiError) as error:
                is_final = isinstance(error, ApiError) and not error.is_transient
                if is_final or time.monotonic() - answered > self._patience.give_up:
                    raise
                self._screen.note(f"{error}; trying again")
            else:
                answered = time.monotonic()
                self._screen.show(run, stages)
                if run["status"] in TERMINAL:
                    return run, stages
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._patience.look if self._streams else self._patience.look_alone)

    async def _follow(self) -> None:
        """Hand on every event once, and open the stream again from the last one whenever it ends."""
        while True:
            with contextlib.suppress(Unreachable, ApiError):
                async for message in self._client.events(self._run_id, self._cursor):
                    self._streams = True
                    self._cursor = message.cursor or self._cursor
                    if self._take(message.event):
                        return
            self._streams = False
            await asyncio.sleep(self._patience.reopen)

    def _take(self, event: Mapping[str, Any]) -> bool:
        """Show the event unless it was shown; True when it says that the run is over."""
        if event["seq"] <= self._last_seq:
            return False
        self._last_seq = event["seq"]
        self._screen.event(event)
        self._news.set()
        return event["type"] == "run.moved" and event.get("status") in TERMINAL

    async def _let_the_stream_end(self, following: asyncio.Task[None]) -> None:
        """The look may have outrun the stream: its last events are worth a moment, but no more."""
        await asyncio.wait({following}, timeout=2 * self._patience.reopen)

    async def _log_tails(self, stages: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
        tails: dict[str, list[str]] = {}
        with contextlib.suppress(Unreachable, ApiError):  # how the run ended is known; its log is on the page too
            for stage in stages:
                if stage["status"] in ("failed", "lost"):
                    lines = await self._client.get_log_tail(self._run_id, stage["name"], stage.get("attempt") or 1, TAIL_LINES)
                    tails[stage["name"]] = [line["text"] for line in lines]
        return {name: lines for name, lines in tails.items() if lines}

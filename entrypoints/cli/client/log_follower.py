"""Read the log of a run to its end, and go on while the run writes more."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from domain.runs.status import TERMINAL
from entrypoints.cli.client.errors import ApiError, Unreachable
from entrypoints.cli.client.headgate_client import HeadgateClient

JsonObject = Mapping[str, Any]
PAGE_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines of which run: `run` is its name or id, `stage` and `attempt` select one stage and one of its attempts."""

    run: str
    stage: str | None = None
    attempt: int | None = None

    @property
    def path(self) -> str:
        return f"/runs/{quote(self.run, safe='')}"

    @property
    def selection(self) -> dict[str, str | int]:
        values = {"stage": self.stage, "attempt": self.attempt}
        return {name: value for name, value in values.items() if value is not None}


class LogFollower:
    """Yields lines in order, each once. While the server does not answer, it tries again, for a minute."""

    def __init__(self, client: HeadgateClient, query: LogQuery, *, poll_seconds: float = 0.7, give_up_seconds: float = 60.0) -> None:
        self._client = client
        self._query = query
        self._poll_seconds = poll_seconds
        self._give_up_seconds = give_up_seconds
        self._after = 0

    async def read_to_end(self) -> AsyncIterator[JsonObject]:
        """Yield the lines that exist, and last those whose end was not printed yet. Raise Unreachable or ApiError."""
        while page := await self._read_page():
            for line in page:
                yield line
            if _is_last(page):
                return

    async def follow(self) -> AsyncIterator[JsonObject]:
        """Yield finished lines until the run is over and its log is read."""
        last_answer = time.monotonic()
        is_over = False
        while True:
            try:
                was_over, is_over = is_over, await self._is_over()
                page = await self._read_page()
            except (Unreachable, ApiError) as error:
                is_final = isinstance(error, ApiError) and not error.is_transient
                if is_final or time.monotonic() - last_answer > self._give_up_seconds:
                    raise
                page = []
            else:
                last_answer = time.monotonic()
                for line in page:
                    if was_over or not line.get("unfinished"):
                        yield line
                if was_over and _is_last(page):
                    return
            if _is_last(page):
                await asyncio.sleep(self._poll_seconds)

    async def _is_over(self) -> bool:
        run = await self._client.get(self._query.path)
        return run["status"] in TERMINAL

    async def _read_page(self) -> list[JsonObject]:
        query = self._query.selection
        page: list[JsonObject] = await self._client.get(f"{self._query.path}/logs", after=self._after, limit=PAGE_SIZE, **query)
        self._after = max([self._after, *(line["n"] for line in page)])
        return page


def _is_last(page: Sequence[JsonObject]) -> bool:
    """Return True if no line follows yet: the page is not full, or ends with lines that are not finished."""
    return len(page) < PAGE_SIZE or bool(page[-1].get("unfinished"))

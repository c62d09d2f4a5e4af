"""Look up deployments of the orchestrator within a short time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar

from application.ports.dispatch.deployments import Deployment, Deployments
from application.services.flow_runs.bounded_calls import run_bounded
from application.services.loop import get_loop_time
from domain.errors import Unavailable

WAIT_SECONDS: Final = 2.0
"""How long a request waits for the orchestrator."""
CACHE_SECONDS: Final = 3.0
_MAX_CACHED: Final = 1_000
_CONCURRENT_REQUESTS: Final = 8

Answer = TypeVar("Answer")


class DeploymentLookup:
    """Finds and lists deployments. It remembers them, and that the orchestrator does not respond, for CACHE_SECONDS.

    It does not remember that a deployment does not exist, so that a new one is found at once.
    """

    def __init__(self, deployments: Deployments, monotonic: Callable[[], float] = get_loop_time) -> None:
        self._deployments = deployments
        self._monotonic = monotonic
        self._found: dict[str, tuple[Deployment, float]] = {}
        self._listed: tuple[Sequence[Deployment], float] | None = None
        self._failure: tuple[Unavailable, float] | None = None

    async def find_all(self, names: Collection[str]) -> Mapping[str, Deployment | None]:
        """Return the deployments by name, None for those that do not exist. Names without an answer within WAIT_SECONDS are left out."""
        now = self._monotonic()
        known = {name: entry for name in names if (entry := self._found.get(name)) is not None}
        answers: dict[str, Deployment | None] = {name: found for name, (found, until) in known.items() if now < until}
        missing = [name for name in names if name not in answers]
        try:
            if missing:
                await self._ask(lambda: self._find_each(missing, answers))
        except Unavailable:
            return answers
        return answers

    async def list_all(self) -> Sequence[Deployment]:
        """Return all deployments by name. Raise Unavailable if the orchestrator does not respond within WAIT_SECONDS."""
        if self._listed is not None and self._monotonic() < self._listed[1]:
            return self._listed[0]
        listed = await self._ask(self._deployments.list_all)
        self._listed = listed, self._monotonic() + CACHE_SECONDS
        return listed

    async def _find_each(self, names: Collection[str], answers: dict[str, Deployment | None]) -> None:
        """Add an answer for each name. Raise Unavailable, with the other answers added, if there is none for one of them."""

        async def find(name: str) -> None:
            answers[name] = found = await self._deployments.find(name)
            if found is not None:
                self._remember(found)

        await run_bounded(_CONCURRENT_REQUESTS, find, names)

    async def _ask(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer. Raise Unavailable if there is none in time, or if there was none a moment ago."""
        if self._failure is not None and self._monotonic() < self._failure[1]:
            raise self._failure[0]
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await request()
        except TimeoutError:
            failure = Unavailable(f"Prefect does not respond within {WAIT_SECONDS:g} s.")
        except Unavailable as error:
            failure = error
        self._failure = failure, self._monotonic() + CACHE_SECONDS
        raise failure

    def _remember(self, found: Deployment) -> None:
        if len(self._found) >= _MAX_CACHED:
            self._found.clear()
        self._found[found.name] = found, self._monotonic() + CACHE_SECONDS

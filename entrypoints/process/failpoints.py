"""Steps at which a process ends itself as kill -9 would, to show what then becomes of the work. None unless they are named.

HEADGATE_FAILPOINTS lists them, separated by commas: `relay.before_create`, `relay.after_create`, `relay.after_note`.
They wrap the adapters from outside; nothing inside knows of them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from dependency_injector import containers, providers

VARIABLE = "HEADGATE_FAILPOINTS"


def enable_failpoints(adapters: containers.Container, environment: Mapping[str, str]) -> None:
    """Put the named failpoints around the adapters; without the variable nothing is touched."""
    named = frozenset(name.strip() for name in environment.get(VARIABLE, "").split(",") if name.strip())
    if named:
        die = _Death(named)
        adapters.orchestrator.override(providers.Object(_MortalOrchestrator(adapters.orchestrator(), die)))
        open_unit_of_work = adapters.open_unit_of_work()
        adapters.open_unit_of_work.override(providers.Object(lambda: _MortalUnitOfWork(open_unit_of_work(), die)))


class _Death:
    def __init__(self, named: frozenset[str]) -> None:
        self._named = named

    def __call__(self, name: str) -> None:
        if name in self._named:
            os.kill(os.getpid(), signal.SIGKILL)


class _Around:
    """Passes on whatever it does not define itself."""

    def __init__(self, inner: Any, die: Callable[[str], None]) -> None:
        self._inner, self._die = inner, die

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _MortalOrchestrator(_Around):
    async def create_flow_run(self, request: Any) -> Any:
        self._die("relay.before_create")
        created = await self._inner.create_flow_run(request)
        self._die("relay.after_create")
        return created


class _MortalUnitOfWork(_Around):
    async def __aenter__(self) -> _MortalUnitOfWork:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> Any:
        return await self._inner.__aexit__(kind, error, trace)

    @property
    def outbox(self) -> _MortalOutbox:
        return _MortalOutbox(self._inner.outbox, self._die)


class _MortalOutbox(_Around):
    async def done(self, run_id: int, epoch: int) -> None:
        self._die("relay.after_note")
        await self._inner.done(run_id, epoch)

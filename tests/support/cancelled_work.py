"""A unit of work that is cancelled at one of its statements, as when its process stops there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from application.ports.persistence.unit_of_work import OpenUnitOfWork


class Fuse:
    """Cancels the caller at step number `at`, counted from 1. The steps are the begin and the end of every statement."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._steps = 0

    @property
    def has_burnt(self) -> bool:
        return self._steps >= self._at

    def step(self) -> None:
        self._steps += 1
        if self._steps == self._at:
            raise asyncio.CancelledError


def open_until_cancelled(open_unit_of_work: OpenUnitOfWork, fuse: Fuse) -> Callable[[], Any]:
    """Return a factory of units of work whose statements burn the fuse."""
    return lambda: _CancelledWork(open_unit_of_work(), fuse)


class _CancelledWork:
    def __init__(self, work: Any, fuse: Fuse) -> None:
        self._work, self._fuse = work, fuse

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._work, name)
        return _burn(member, self._fuse) if callable(member) else _CancelledRepository(member, self._fuse)

    async def __aenter__(self) -> Self:
        await self._work.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._work.__aexit__(*error)

    async def commit(self) -> None:
        self._fuse.step()
        await self._work.commit()
        self._fuse.step()


class _CancelledRepository:
    def __init__(self, repository: Any, fuse: Fuse) -> None:
        self._repository, self._fuse = repository, fuse

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return _burn(getattr(self._repository, name), self._fuse)


def _burn(method: Callable[..., Awaitable[Any]], fuse: Fuse) -> Callable[..., Awaitable[Any]]:
    """Return the method with a step of the fuse before and after it."""

    async def call(*args: Any, **keys: Any) -> Any:
        fuse.step()
        result = await method(*args, **keys)
        fuse.step()
        return result

    return call

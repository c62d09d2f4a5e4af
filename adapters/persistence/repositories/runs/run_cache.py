"""Runs as this process last committed them, so that the next report on a run need not read it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.persistence.lru_cache import LruCache
from adapters.persistence.repositories.runs.run_rows import StoredAttempts
from domain.runs.run import Run

MAX_CACHED_ATTEMPTS: Final = 5_000
MAX_ATTEMPTS_PER_RUN: Final = 200
"""A run with more attempts is not cached."""


@dataclass(frozen=True, slots=True)
class RowVersion:
    """The version of a run's row: its last event and the transaction that wrote it. Every change of a run writes its row."""

    last_seq: int
    writer: str


@dataclass(frozen=True, slots=True)
class CachedRun:
    version: RowVersion
    run: Run
    stored: StoredAttempts


class RunCache:
    """Taking a run removes it from the cache, so that no other transaction changes the same object. It comes back after a commit."""

    def __init__(self) -> None:
        self._runs: LruCache[int, CachedRun] = LruCache(MAX_CACHED_ATTEMPTS)

    def take(self, ids: Sequence[int]) -> dict[int, CachedRun]:
        return {run_id: cached for run_id in ids if (cached := self._runs.take(run_id)) is not None}

    def put(self, cached: CachedRun) -> None:
        if len(cached.stored) <= MAX_ATTEMPTS_PER_RUN:
            self._runs.put(cached.run.id, cached, len(cached.stored))


def get_row_version(row: Any) -> RowVersion:
    return RowVersion(row.last_seq, row.writer)

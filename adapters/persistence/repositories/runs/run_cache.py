"""Runs as this process left them with its last commit: who reports about one again need not have it read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.persistence.lru_cache import LruCache
from adapters.persistence.repositories.runs.run_rows import StoredAttempts
from domain.runs.run import Run

MAX_CACHED_ATTEMPTS: Final = 5_000
MAX_ATTEMPTS_PER_RUN: Final = 200
"""Attempts of a run that is kept; who reports about a longer one has it read each time."""


@dataclass(frozen=True, slots=True)
class RowVersion:
    """What a row is known by: its last event and the transaction that wrote it. Every change of a run writes its row."""

    last_seq: int
    writer: str


@dataclass(frozen=True, slots=True)
class CachedRun:
    version: RowVersion
    run: Run
    written: StoredAttempts


class RunCache:
    """A run that is taken belongs to who took it, and is not kept until it is given back: nobody else may change it meanwhile."""

    def __init__(self) -> None:
        self._kept: LruCache[int, CachedRun] = LruCache(MAX_CACHED_ATTEMPTS)

    def take(self, ids: Sequence[int]) -> dict[int, CachedRun]:
        return {run_id: found for run_id in ids if (found := self._kept.take(run_id)) is not None}

    def put(self, kept: CachedRun) -> None:
        if len(kept.written) <= MAX_ATTEMPTS_PER_RUN:
            self._kept.put(kept.run.id, kept, len(kept.written))


def get_row_version(row: Any) -> RowVersion:
    return RowVersion(row.last_seq, row.writer)

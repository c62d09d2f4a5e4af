"""Keeps a row that cannot be processed from blocking the others of a service."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

from domain.errors import Unavailable

QUARANTINE_SECONDS: Final = 60.0
"""How long a row is left alone whose processing failed."""


class FailureIsolation:
    """After a batch failed, its rows are taken one by one, and one that fails alone is left out for QUARANTINE_SECONDS."""

    def __init__(self) -> None:
        self._single_passes = 0
        """The number of next batches that take one row each."""
        self._excluded_until: dict[int, float] = {}

    @property
    def excluded(self) -> Collection[int]:
        """The ids of the rows to leave out."""
        return self._excluded_until.keys()

    def take_limit(self, batch_size: int) -> int:
        """Return how many rows the next batch takes."""
        if not self._single_passes:
            return batch_size
        self._single_passes -= 1
        return 1

    async def run_batches(self, process_batch: Callable[[], Awaitable[bool]]) -> None:
        """Call `process_batch` until it returns False. Raise the last error of its batches afterwards."""
        self._excluded_until = {id: until for id, until in self._excluded_until.items() if until > time.monotonic()}
        failure: Exception | None = None
        while True:
            try:
                if not await process_batch():
                    break
            except _BatchFailed as failed:
                failure = failed.error
        if failure is not None:
            raise failure

    @contextmanager
    def isolate(self) -> Iterator[set[int]]:
        """Yield a set for the ids of the batch. An error after they were added does not end `run_batches`, unless it is Unavailable."""
        ids: set[int] = set()
        try:
            yield ids
        except Unavailable:
            raise
        except Exception as error:
            if not ids:
                raise
            if len(ids) == 1:
                self._excluded_until[ids.pop()] = time.monotonic() + QUARANTINE_SECONDS
            self._single_passes += len(ids)
            raise _BatchFailed(error) from error


class _BatchFailed(Exception):
    """A batch could not be processed, for a reason that another pass would not remove."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error

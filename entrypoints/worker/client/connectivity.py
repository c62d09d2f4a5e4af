"""Logs once when requests to Headgate have failed for a while, and once when they succeed again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger("headgate.worker")

_SILENT_SECONDS: Final = 5.0
"""Seconds without an answer that are not logged, such as a restart of Headgate."""


class ConnectivityMonitor:
    """Counts the time since the last answered call. `clock` is monotonic, in seconds."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._since: float | None = None
        self._is_reported = False

    def record_failure(self, error: Exception) -> None:
        now = self._clock()
        if self._since is None:
            self._since = now
        if not self._is_reported and now - self._since > _SILENT_SECONDS:
            self._is_reported = True
            log.warning("Requests to Headgate at %s have failed for %.0f s: %s", self._url, now - self._since, _describe(error))

    def record_success(self) -> None:
        if self._is_reported and self._since is not None:
            log.warning("Headgate responds again after %.0f s", self._clock() - self._since)
        self._since, self._is_reported = None, False


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

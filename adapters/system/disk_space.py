"""Room on the disk that the home lies on."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

CACHE_SECONDS = 3.0
"""Seconds for which a measurement is believed."""
MEBIBYTE = 1 << 20


def get_free_bytes(folder: Path) -> int:
    """Bytes that may still be written where the folder is, or would be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


class HomeDiskSpace:
    """Measures the home, where the embedded PostgreSQL lies too. Of a database elsewhere nothing is known. `least` 0 asks for nothing."""

    def __init__(self, home: Path, least: int, measure: Callable[[Path], int] = get_free_bytes) -> None:
        self._home = home
        self._least = least
        self._measure = measure
        self._measured_at = float("-inf")
        self._free: int | None = None

    def shortage(self) -> str | None:
        if self._least <= 0:
            return None
        free = self.free()
        if free is None or free >= self._least:
            return None  # a disk that cannot be measured is no reason to refuse work
        return (
            f"The disk of Headgate's home has {free // MEBIBYTE:,} MiB left; no run is taken below {self._least // MEBIBYTE:,} MiB. "
            "Reports are still taken."
        )

    def free(self) -> int | None:
        if time.monotonic() - self._measured_at >= CACHE_SECONDS:
            self._measured_at, self._free = time.monotonic(), self._look()
        return self._free

    def _look(self) -> int | None:
        try:
            return self._measure(self._home)
        except OSError:
            return None

"""The free space on the disk that holds Headgate's home."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

CACHE_SECONDS = 3.0
MEBIBYTE = 1 << 20


def get_free_bytes(folder: Path) -> int:
    """Return the bytes that can still be written to the folder's disk. The folder need not exist."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


class HomeDiskSpace:
    """Measures the disk of the home folder, where the embedded PostgreSQL is too.

    Runs are refused below `least` free bytes; 0 turns the check off. The disk of another database is not measured.
    """

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
            return None  # a disk that cannot be measured is no reason to refuse runs
        return (
            f"The disk of Headgate's home has {free // MEBIBYTE:,} MiB left. New runs need {self._least // MEBIBYTE:,} MiB. "
            "Status reports are still accepted."
        )

    def free(self) -> int | None:
        if time.monotonic() - self._measured_at >= CACHE_SECONDS:
            self._measured_at, self._free = time.monotonic(), self._measure_home()
        return self._free

    def _measure_home(self) -> int | None:
        try:
            return self._measure(self._home)
        except OSError:
            return None

"""Tells in which order pipes were written, by the kernel's notifications (inotify). Standard library only."""

from __future__ import annotations

import os
import struct
from typing import Final

from entrypoints.worker.stage_host.processes import libc

_MODIFIED: Final = 0x2
_EVENT: Final = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024
_PLACE: Final = "/proc/self/fd/{}"


class WriteWatch:
    """Watches pipes. The kernel queues one notification for several writes to one pipe in a row.

    Without inotify or /proc it knows no order.
    """

    def __init__(self) -> None:
        self._descriptor = _open_inotify()
        self._writes: dict[int, list[int]] = {}
        self._queues: dict[int, list[int]] = {}

    def watch(self, pipes: tuple[int, ...]) -> dict[int, int]:
        """Watch pipes whose order among each other counts. Return the number of the watch of each; empty if they cannot be watched."""
        if self._descriptor < 0:
            return {}
        numbers = {libc.inotify_add_watch(self._descriptor, _PLACE.format(pipe).encode(), _MODIFIED): pipe for pipe in pipes}
        if -1 in numbers or len(numbers) < len(pipes):
            self.unwatch([number for number in numbers if number >= 0])
            return {}
        writes: list[int] = []
        self._queues |= dict.fromkeys(numbers, writes)
        return {pipe: number for number, pipe in numbers.items()}

    def unwatch(self, numbers: list[int]) -> None:
        """Forget pipes."""
        for number in numbers:
            self._queues.pop(number, None)
            libc.inotify_rm_watch(self._descriptor, number)

    def take_writes(self, number: int) -> list[int]:
        """Return the watches whose pipes were written since the last call, in order, among those that are watched with this one."""
        self._read()
        queue = self._queues.get(number)
        if not queue:
            return []
        taken = queue.copy()
        queue.clear()
        return taken

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _BUFFER)
        except OSError:
            return
        for number, mask, _, _ in _EVENT.iter_unpack(data):
            if number < 0:  # the queue was full
                for queue in self._queues.values():
                    queue.clear()
            elif mask & _MODIFIED and number in self._queues:
                self._queues[number].append(number)


def _open_inotify() -> int:
    try:
        return int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    except AttributeError:  # not Linux
        return -1

"""Reads both pipes of a stage, in the order in which they were written. Standard library only."""

from __future__ import annotations

import os
from typing import Final

from entrypoints.worker.stage_host.output_order import OrderedOutput, order_output
from entrypoints.worker.stage_host.write_watch import WriteWatch

READ_SIZE: Final = 64 * 1024
"""Bytes after which no more is read at once, as long as only one stream was written."""
_MIXED_READ_SIZE: Final = 4 * READ_SIZE
"""The same if both streams were written. It is larger, because their order is certain only once both pipes are empty."""
_MAX_PASSES: Final = 8


class StageOutput:
    """The reading ends of a stage's standard output and standard error."""

    def __init__(self, stdout: int, stderr: int, watch: WriteWatch) -> None:
        self._streams = {stdout: "stdout", stderr: "stderr"}
        self._watch = watch
        numbers = watch.watch((stdout, stderr))
        self._names = {number: self._streams[pipe] for pipe, number in numbers.items()}
        self._writes: list[str] = []
        self._ended: list[int] = []

    @property
    def descriptors(self) -> list[int]:
        """The pipes that have not ended."""
        return list(self._streams)

    def read(self) -> OrderedOutput:
        """Return the output since the last call, without waiting. It may be empty."""
        data: dict[str, bytes] = {}
        self._writes += self._take_writes()
        for _ in range(_MAX_PASSES):
            self._read_pipes(data)
            writes = self._take_writes()
            self._writes += writes
            limit = READ_SIZE if len({*data, *writes}) < 2 else _MIXED_READ_SIZE
            if not writes or sum(map(len, data.values())) >= limit:
                break
        ordered = order_output(data, self._writes)
        self._writes = ordered.rest if writes else []
        return ordered

    def take_ended(self) -> list[int]:
        """Return the pipes that have ended since the last call. The caller closes them."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> list[int]:
        """Forget all pipes and return those that had not ended. The caller closes them."""
        descriptors, self._streams = list(self._streams), {}
        self._watch.unwatch(list(self._names))
        return descriptors

    def _read_pipes(self, data: dict[str, bytes]) -> None:
        for pipe, stream in list(self._streams.items()):
            try:
                chunk = os.read(pipe, READ_SIZE)
            except BlockingIOError:
                continue
            if chunk:
                data[stream] = data.get(stream, b"") + chunk
            else:
                del self._streams[pipe]
                self._ended.append(pipe)

    def _take_writes(self) -> list[str]:
        if not self._names:
            return []
        return [self._names[number] for number in self._watch.take_writes(next(iter(self._names)))]

"""Orders the lines that a stage wrote to its two pipes. Standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

Part = tuple[str, bytes]
"""The stream, and bytes that were written to it."""


class OrderedOutput(NamedTuple):
    """The bytes that were read from both pipes, in order. `rest` are the writes that were not read yet."""

    parts: list[Part]
    is_exact: bool = True
    rest: list[str] = []


def order_output(data: Mapping[str, bytes], writes: Sequence[str]) -> OrderedOutput:
    """Order the bytes that were read from a stage's pipes. `writes` are the streams of its writes, each once for several writes in a row.

    The order is exact if each stream was written once, or once for each of its lines. Otherwise the lines are spread over the writes.
    """
    if len(data) < 2:
        parts = list(data.items())
        return OrderedOutput(parts, rest=[stream for stream in writes if stream not in data])
    turns = _merge_repeated(writes)
    if len(turns) == 2 and set(turns) == set(data):
        return OrderedOutput([(stream, data[stream]) for stream in turns])
    lines = {stream: _split_lines(text) for stream, text in data.items()}
    counts = {stream: len(texts) for stream, texts in lines.items()}
    for candidate in _list_candidates(turns, sum(counts.values())):
        if Counter(candidate) == counts:
            rest = turns[len(candidate) :] if candidate == turns[: len(candidate)] else []
            return OrderedOutput(_take_lines(candidate, lines, dict.fromkeys(lines, 1)), rest=rest)
    present = [*turns, *(stream for stream in data if stream not in turns)]
    return OrderedOutput(_take_lines(present, lines, {stream: counts[stream] // present.count(stream) or 1 for stream in lines}), False)


def _list_candidates(turns: list[str], count: int) -> Iterator[list[str]]:
    """Yield in which turns the lines may have been written.

    The last turns may be of lines that were not read yet, the first one of a line that was read before its notification arrived,
    and the notification of the last line may not have arrived.
    """
    yield turns
    yield turns[:count]
    yield turns[1:]
    for stream in ("stdout", "stderr"):
        yield _merge_repeated([*turns, stream])


def _merge_repeated(writes: Sequence[str]) -> list[str]:
    return [stream for index, stream in enumerate(writes) if index == 0 or stream != writes[index - 1]]


def _split_lines(data: bytes) -> list[bytes]:
    *lines, rest = data.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


def _take_lines(turns: Sequence[str], lines: Mapping[str, list[bytes]], shares: Mapping[str, int]) -> list[Part]:
    """Give each turn its share of its stream's lines, and the rest to the stream's last turn."""
    positions = dict.fromkeys(lines, 0)
    last = {stream: index for index, stream in enumerate(turns)}
    parts: list[Part] = []
    for index, stream in enumerate(turns):
        start = positions[stream]
        end = len(lines[stream]) if last[stream] == index else start + shares[stream]
        positions[stream] = end
        if text := b"".join(lines[stream][start:end]):
            parts.append((stream, text))
    return parts

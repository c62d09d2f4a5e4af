"""Parse a stream of server-sent events."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """A run's event. `cursor` is the position to resume after; `event` is the JSON that the run's history would list."""

    cursor: str
    event: dict[str, Any]


async def parse_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[StreamedEvent]:
    """Yield events from the bytes of a response, by the HTML standard's rules for `id`, `data` and comments."""
    cursor, data = "", list[str]()
    async for line in _split_lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            cursor = value
        elif name == "data":
            data.append(value)
        elif not line and data:
            parsed = json.loads("\n".join(data))
            data.clear()
            if isinstance(parsed, dict):
                yield StreamedEvent(cursor, parsed)


async def _split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Split at line feeds only: JSON text may contain other characters that `str.splitlines` counts as line ends."""
    rest = b""
    async for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")

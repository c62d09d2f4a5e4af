"""Parsing of large bodies beside the event loop, so that other requests are answered meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

Parsed = TypeVar("Parsed")
SMALL_BODY: Final = 32_768
"""Bytes that are parsed faster than a thread takes over."""


async def parse_body(parse: Callable[[bytes], Parsed], body: bytes) -> Parsed:
    """Return `parse(body)`. A large body is parsed in a thread: the interpreter switches to the event loop every 5 ms."""
    return parse(body) if len(body) <= SMALL_BODY else await asyncio.to_thread(parse, body)

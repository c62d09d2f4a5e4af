"""Parsing of large bodies beside the event loop, so that other requests are answered meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from domain.errors import InvalidInput

Parsed = TypeVar("Parsed")
SMALL_BODY: Final = 32_768
"""Bytes that are parsed faster than a thread takes over."""
MAX_KEYS: Final = 100
"""More keys than any body has. Naming each unknown key of a larger one would take long."""


async def parse_body(parse: Callable[[bytes], Parsed], body: bytes) -> Parsed:
    """Return `parse(body)`. A large body is parsed in a thread: the interpreter switches to the event loop every 5 ms."""
    return parse(body) if len(body) <= SMALL_BODY else await asyncio.to_thread(parse, body)


def check_key_count(value: Any) -> Any:
    """Return a body's value. Raise InvalidInput for an object with more than MAX_KEYS keys of its own."""
    if isinstance(value, dict) and len(value) > MAX_KEYS:
        raise InvalidInput.for_field("body", f"has more than {MAX_KEYS:,} keys")
    return value

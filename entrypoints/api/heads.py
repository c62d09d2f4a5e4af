"""A request's headers, looked up many times and read once."""

from collections.abc import Mapping
from typing import Final

from starlette.types import Scope

Head = Mapping[bytes, bytes]
"""Names in small letters, as the server hands them over; of a header that came twice, the first."""
_HEAD: Final = "headgate.head"


def head_of(scope: Scope) -> Head:
    found: Head | None = scope.get(_HEAD)
    if found is None:
        found = scope[_HEAD] = dict(reversed(scope["headers"]))
    return found


def text_of(head: Head, name: bytes) -> str | None:
    value = head.get(name)
    return None if value is None else value.decode("latin-1")

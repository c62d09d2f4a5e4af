"""Heads of requests in measure: an address, a number of headers and their size that no honest client goes beyond."""

from typing import Final

from starlette.types import Scope

from entrypoints.api.problems import Problem

LONGEST_ADDRESS: Final = 8 * 1024
MOST_HEADERS: Final = 100
LARGEST_HEADERS: Final = 32 * 1024
"""Bytes of all names and values."""
LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a head that are read while it has no end; beyond both bounds above, so that these can be said in words."""

ADDRESS_TOO_LONG = Problem(414, "address_too_long", f"An address is at most {LONGEST_ADDRESS:,} bytes long, its query included.")
HEADERS_TOO_LARGE = Problem(
    431, "headers_too_large", f"A request has at most {MOST_HEADERS} headers, of at most {LARGEST_HEADERS:,} bytes together."
)


def head_problem(scope: Scope) -> Problem | None:
    """414 and 431, before anything of a request is looked at."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
        return ADDRESS_TOO_LONG
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum([len(name) + len(value) for name, value in headers]) > LARGEST_HEADERS:
        return HEADERS_TOO_LARGE
    return None

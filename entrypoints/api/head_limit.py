"""Heads of requests in measure: an address, a number of headers and their size that no honest client goes beyond."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.api.problems import Problem, respond

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


class HeadLimit:
    """414 and 431, before anything of a request is looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = _problem(scope) if scope["type"] == "http" else None
        await (self._app if problem is None else respond(scope, problem))(scope, receive, send)


def _problem(scope: Scope) -> Problem | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
        return ADDRESS_TOO_LONG
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > LARGEST_HEADERS:
        return HEADERS_TOO_LARGE
    return None

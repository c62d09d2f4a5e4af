"""Limit the address and the headers of a request."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.problems import Problem, respond

LONGEST_ADDRESS: Final = 8 * 1024
"""Bytes of path and query."""
MOST_HEADERS: Final = 100
LARGEST_HEADERS: Final = 32 * 1024
"""Bytes of all names and values."""

ADDRESS_TOO_LONG: Final = Problem(414, "address_too_long", f"An address is at most {LONGEST_ADDRESS:,} bytes long, its query included.")
HEADERS_TOO_LARGE: Final = Problem(
    431, "headers_too_large", f"A request has at most {MOST_HEADERS} headers, of at most {LARGEST_HEADERS:,} bytes together."
)


class HeadLimit:
    """414 for an address that is too long, 431 for headers that are too many or too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = _find_problem(scope) if scope["type"] == "http" else None
        await (self._app if problem is None else respond(scope, problem))(scope, receive, send)


def _find_problem(scope: Scope) -> Problem | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
        return ADDRESS_TOO_LONG
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum([len(name) + len(value) for name, value in headers]) > LARGEST_HEADERS:
        return HEADERS_TOO_LARGE
    return None

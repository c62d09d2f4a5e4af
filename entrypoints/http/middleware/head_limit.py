"""Limit the address and the headers of a request."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.problems import Problem, problem_response

MAX_URL_BYTES: Final = 8 * 1024
"""Bytes of path and query."""
MAX_HEADERS: Final = 100
MAX_HEADERS_BYTES: Final = 32 * 1024
"""Bytes of all names and values."""

URL_TOO_LONG: Final = Problem(414, "address_too_long", f"The URL must be at most {MAX_URL_BYTES:,} bytes long, including its query.")
HEADERS_TOO_LARGE: Final = Problem(
    431, "headers_too_large", f"A request must have at most {MAX_HEADERS} headers, with at most {MAX_HEADERS_BYTES:,} bytes in total."
)


class HeadLimit:
    """414 for an address that is too long, 431 for headers that are too many or too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = _find_problem(scope) if scope["type"] == "http" else None
        await (self._app if problem is None else problem_response(scope, problem))(scope, receive, send)


def _find_problem(scope: Scope) -> Problem | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URL_BYTES:
        return URL_TOO_LONG
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum([len(name) + len(value) for name, value in headers]) > MAX_HEADERS_BYTES:
        return HEADERS_TOO_LARGE
    return None

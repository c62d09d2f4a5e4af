"""Make paths and methods canonical: a trailing slash makes no difference, and HEAD is GET without a body.

Paths are rewritten, not redirected: a redirected POST may lose its body and its credentials.
"""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.base_path import get_route_path
from entrypoints.http.route_table import RouteTable


class PathNormalization:
    """Rewrite the scope's path to the registered one, and answer HEAD with the headers of GET."""

    def __init__(self, app: ASGIApp, *, routes: RouteTable) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = scope["root_path"] + self._routes.get_canonical_path(get_route_path(scope))
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        scope["method"] = "GET"
        with suppress(_HeadersSent):
            await self._app(scope, receive, _drop_body(send))


class _HeadersSent(Exception):
    """Ends a GET that would stream, or read a file, for a body that is not sent."""


def _drop_body(send: Send) -> Send:
    async def send_headers_only(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({"type": "http.response.body", "body": b""})
        if message.get("more_body"):
            raise _HeadersSent

    return send_headers_only

"""Routes that are asked thousands of times a second, answered without the framework's search for routes and dependencies.

Innermost: every guard has been passed. The documented route of the same address answers the same; this is the shorter way to it.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import HeadgateError
from entrypoints.api.problems import Refused

Handler = Callable[[Request], Awaitable[Response | None]]
"""None leaves the request to its documented route."""
Translate = Callable[[Request, Exception], Awaitable[Response]]


class Shortcuts:
    """By method and canonical path. `refused` answers for what a handler raises in the words of the domain or the edge."""

    def __init__(self, app: ASGIApp, handlers: Mapping[tuple[str, str], Handler], refused: Translate) -> None:
        self._app = app
        self._handlers = handlers
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except (HeadgateError, Refused) as error:
            response = await self._refused(request, error)
        await (response or self._app)(scope, receive, send)

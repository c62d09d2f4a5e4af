"""Routes that are asked thousands of times a second, answered without the framework's search for routes and dependencies.

Innermost: every guard has been passed. The documented route of the same address answers the same; this is the shorter way to it.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domain.errors import HeadgateError
from entrypoints.api.problems import Refused

Handler = Callable[[Request], Awaitable[Response | None]]
"""None leaves the request to its documented route."""
Translate = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`path` is a pattern of canonical paths; what its groups match becomes the path's parameters."""

    method: str
    path: re.Pattern[str]
    handler: Handler


class Shortcuts:
    """`refused` answers for what a handler raises in the words of the domain or the edge."""

    def __init__(self, shortcuts: Sequence[Shortcut], refused: Translate) -> None:
        self._shortcuts = shortcuts
        self._refused = refused

    async def answered(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """False when the request is for its documented route."""
        handler = self._find(scope)
        if handler is None:
            return False
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except (HeadgateError, Refused) as error:
            response = await self._refused(request, error)
        if response is None:
            return False
        await response(scope, receive, send)
        return True

    def _find(self, scope: Scope) -> Handler | None:
        method, path = scope["method"], scope["path"]
        for shortcut in self._shortcuts:
            if shortcut.method == method and (found := shortcut.path.fullmatch(path)):
                scope["path_params"] = found.groupdict()
                return shortcut.handler
        return None

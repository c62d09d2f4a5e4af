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
    """`path` is a canonical path, or a pattern of such; what its groups match becomes the path's parameters."""

    method: str
    path: str | re.Pattern[str]
    handler: Handler


class Shortcuts:
    """`refused` answers for what a handler raises in the words of the domain or the edge."""

    def __init__(self, shortcuts: Sequence[Shortcut], refused: Translate) -> None:
        self._refused = refused
        self._plain = {(shortcut.method, shortcut.path): shortcut.handler for shortcut in shortcuts if isinstance(shortcut.path, str)}
        self._patterns = [(shortcut, shortcut.path) for shortcut in shortcuts if isinstance(shortcut.path, re.Pattern)]

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
        if (handler := self._plain.get((method, path))) is not None:
            return handler
        for shortcut, pattern in self._patterns:
            if shortcut.method == method and (found := pattern.fullmatch(path)):
                scope["path_params"] = found.groupdict()
                return shortcut.handler
        return None

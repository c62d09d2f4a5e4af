"""Serve below the path of HEADGATE_URL, behind a proxy that passes this path on, and behind one that removes it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.base_path import BASE_PATH


class BaseUrlPath:
    """Set the scope's `root_path`, and complete its path where it lacks the base path.

    ASGI's `path` includes `root_path`. No route begins with the base path (see `is_free_base_path`), so a path tells which proxy sent it.
    The middlewares outside this one have copied the server's scope.
    """

    def __init__(self, app: ASGIApp, *, base_path: str) -> None:
        self._app = app
        self._base_path = base_path
        self._below = f"{base_path}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path == self._base_path:
            scope["path"] = self._below
        elif not path.startswith(self._below):
            scope["path"] = self._base_path + path
        scope["root_path"] = self._base_path
        token = BASE_PATH.set(self._base_path)
        try:
            await self._app(scope, receive, send)
        finally:
            BASE_PATH.reset(token)

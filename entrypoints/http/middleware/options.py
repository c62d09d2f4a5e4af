"""Answer OPTIONS with the methods allowed at a path."""

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.base_path import get_route_path
from entrypoints.http.problems import ROUTE_NOT_FOUND, problem_response
from entrypoints.http.route_table import RouteTable


class OptionsResponder:
    """204 with `Allow`, or 404. Inside authorization, so that strangers learn nothing about protected paths."""

    def __init__(self, app: ASGIApp, *, routes: RouteTable) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            await self._app(scope, receive, send)
            return
        methods = self._routes.get_methods(get_route_path(scope))
        answer = Response(status_code=204, headers={"Allow": ", ".join(methods)}) if methods else problem_response(scope, ROUTE_NOT_FOUND)
        await answer(scope, receive, send)

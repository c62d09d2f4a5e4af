"""Accept the name of a run, such as `etl#12`, in place of its id in every path.

It runs after the authorization, which compares a named run as it compares an id: callers without access do not learn whether it exists.
"""

import re
from typing import Final
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import HeadgateError
from entrypoints.container import Application
from entrypoints.http.base_path import get_route_path, redirect
from entrypoints.http.error_problems import to_problem
from entrypoints.http.problems import problem_response
from entrypoints.http.run_references import find_run_id

_RUN: Final = re.compile(r"(?<=/runs/)[^/]+#[^/]+|(?<=/compare/)[^/]+#[^/]+")


class RunNames:
    """Redirect to the page of the named run, and replace names by ids in the paths of other requests.

    Unknown names stay: the route answers that there is no such run.
    """

    def __init__(self, app: ASGIApp, *, application: Application) -> None:
        self._app = app
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and "#" in scope["path"]:
            try:
                path = await self._replace_names(get_route_path(scope))
            except HeadgateError as error:
                app = problem_response(scope, to_problem(error))
            else:
                if path != get_route_path(scope) and scope["method"] == "GET" and path.startswith("/ui/"):
                    query = scope["query_string"].decode("latin-1")
                    app = redirect(quote(path) + (f"?{query}" if query else ""))
                scope["path"] = scope["root_path"] + path
        await app(scope, receive, send)

    async def _replace_names(self, path: str) -> str:
        reader = self._application.adapters.reader()
        ids = {text: await find_run_id(reader, text) for text in _RUN.findall(path)}
        return _RUN.sub(lambda found: found[0] if ids[found[0]] is None else str(ids[found[0]]), path)

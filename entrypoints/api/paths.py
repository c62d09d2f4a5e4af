"""Addresses and methods: a trailing slash makes no difference, HEAD is GET without a body, OPTIONS says what is allowed.

An address is rewritten, never redirected: a redirected POST may lose its body and its credentials.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.api.problems import Problem, respond

NOTHING_HERE = Problem(404, "not_found", "There is nothing at this address.")


class RouteTable:
    """The routes of an application, asked only when an address or a method does not fit."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: list[Any] = [route for route in _flat(routes) if hasattr(route, "path_regex")]
        self._slashed = {route.path for route in self._routes if route.path.endswith("/") and route.path != "/"}

    def canonical(self, path: str) -> str:
        """The form of the address under which its route is registered."""
        if path == "/" or path in self._slashed:
            return path
        bare = path[:-1] if path.endswith("/") else path
        return bare + "/" if bare + "/" in self._slashed else bare

    def find(self, method: str, path: str) -> "tuple[str, dict[str, str]] | None":
        """The route that answers, by its pattern, and what its parameters are; the first that fits, as the router has it."""
        for route in self._routes:
            if method in (getattr(route, "methods", None) or {"GET"}) and (found := route.path_regex.match(path)):
                return route.path, found.groupdict()
        return None

    def methods(self, path: str) -> list[str]:
        """What is allowed at this address; empty when nothing is there."""
        found = [getattr(route, "methods", None) or {"GET"} for route in self._routes if route.path_regex.match(path)]
        allowed: set[str] = set().union(*found)
        return sorted(allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())) if allowed else []


def _flat(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes of routers within routers too: FastAPI keeps those as one entry. None of ours has a prefix."""
    for route in routes:
        within = getattr(route, "original_router", None)
        if within is None:
            yield route
        else:
            yield from _flat(within.routes)


async def sent_without_body(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """What a GET answers, its body left out."""
    with suppress(_HeadSent):
        await app(scope, receive, _without_body(send))


class Options:
    """Says what is allowed at an address, to whoever may know: inside the check of permissions."""

    def __init__(self, table: RouteTable) -> None:
        self._table = table

    def answer(self, scope: Scope) -> Response:
        methods = self._table.methods(scope["path"])
        return Response(status_code=204, headers={"Allow": ", ".join(methods)}) if methods else respond(scope, NOTHING_HERE)


class _HeadSent(Exception):
    """Ends a GET that would go on, or would read a file, for a body that nobody gets."""


def _without_body(send: Send) -> Send:
    async def bodiless(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({"type": "http.response.body", "body": b""})
        if message.get("more_body"):
            raise _HeadSent

    return bodiless

"""The application's routes by path and method: canonical paths, allowed methods and access rules."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from starlette.routing import BaseRoute, Route

from entrypoints.http.auth.permissions import AccessRule, get_access_rule


class MatchedRoute(NamedTuple):
    """A route's rule, and the path parameters of one request."""

    rule: AccessRule
    parameters: Mapping[str, str]


class RouteTable:
    """Look up routes before the router does. Raise UndeclaredAccess for a route that declares no access rule."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [route for route in routes if isinstance(route, Route)]
        self._by_method: dict[str, list[Route]] = {}
        self.rules: dict[tuple[str, str], AccessRule] = {}
        for route in self._routes:
            for method in _get_methods(route):
                self._by_method.setdefault(method, []).append(route)
                self.rules[method, route.path] = get_access_rule(route.endpoint, route.path)
        self._static = {key: MatchedRoute(rule, {}) for key, rule in self.rules.items() if "{" not in key[1]}
        self._slashed = {route.path for route in self._routes if route.path.endswith("/") and route.path != "/"}

    def get_canonical_path(self, path: str) -> str:
        """Return the path under which its route is registered, with or without the trailing slash."""
        if path == "/" or path in self._slashed:
            return path
        bare = path[:-1] if path.endswith("/") else path
        return bare + "/" if bare + "/" in self._slashed else bare

    def find(self, method: str, path: str) -> MatchedRoute | None:
        """Return the first route that matches, in the router's order."""
        if (match := self._static.get((method, path))) is not None:
            return match
        for route in self._by_method.get(method, ()):
            if found := route.path_regex.match(path):
                return MatchedRoute(self.rules[method, route.path], found.groupdict())
        return None

    def get_methods(self, path: str) -> list[str]:
        """Return the methods allowed at this path, or anywhere for `*`; empty if no route matches."""
        allowed = {method for route in self._routes if path == "*" or route.path_regex.match(path) for method in _get_methods(route)}
        return sorted(allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())) if allowed else []


def _get_methods(route: Route) -> set[str]:
    """A Starlette route adds HEAD to GET; here the path middleware answers HEAD."""
    return (route.methods or {"GET"}) - {"HEAD"}

"""The path below which users reach this server, such as `/headgate`: the path of HEADGATE_URL; empty if there is none.

In Python, paths start at the application's root. `link` and the templates' `{{ base }}` put the base path in front of them.
"""

from contextvars import ContextVar

from starlette.responses import RedirectResponse
from starlette.types import Scope

BASE_PATH: ContextVar[str] = ContextVar("base_path", default="")
"""Set for each request by the middleware BaseUrlPath, if there is a base path. Tasks that a request starts inherit it."""


def get_base_path() -> str:
    """Return the base path, without a trailing slash."""
    return BASE_PATH.get()


def link(path: str) -> str:
    """Return the path under which clients reach one of the application's paths."""
    return BASE_PATH.get() + path


def link_own(url: str) -> str:
    """Return a URL that a user wrote, with the base path in front if it is a path of this site without it."""
    base = BASE_PATH.get()
    if not base or not url.startswith("/") or url == base or url.startswith(("//", f"{base}/")):
        return url
    return base + url


def redirect(path: str) -> RedirectResponse:
    """Return a redirect to one of the application's pages, which the browser loads with GET."""
    return RedirectResponse(link(path), 303)


def get_route_path(scope: Scope) -> str:
    """Return the request's path without the base path: the path that routes match."""
    path: str = scope["path"]
    base: str = scope.get("root_path", "")
    return path[len(base) :] if base and path.startswith(base) else path

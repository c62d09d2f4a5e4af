"""Who may ask: the host names we answer to, and no web page of another origin."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.api.problems import Problem, respond

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

UNKNOWN_HOST = Problem(421, "unknown_host", "Headgate does not answer to this host name; HEADGATE_ALLOWED_HOSTS lists those it does.")
TAKEN = frozenset({"application/json", "application/x-www-form-urlencoded"})
"""What a body may be. A page elsewhere can send text/plain and multipart without being asked; nobody of ours does."""
NOT_TAKEN = Problem(415, "unsupported_media_type", "A body is JSON, or a form: send Content-Type: application/json.")
FOREIGN_ORIGIN = Problem(403, "foreign_origin", "This request comes from a web page of another site.")


class HostGuard:
    """Answers to known names only, so that no name of somebody else's can be pointed here."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "*" in self._hosts or host_name(Headers(scope=scope).get("host", "")) in self._hosts:
            await self._app(scope, receive, send)
        else:
            await respond(scope, UNKNOWN_HOST)(scope, receive, send)


class OriginGuard:
    """Lets a browser act only from our own pages, and nobody by a body that is neither JSON nor a form. Programs that send neither Origin
    nor Sec-Fetch-Site pass."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        self._own = urlsplit(url).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, headers = scope["method"], Headers(scope=scope)
        if not self._may(method, headers):
            await respond(scope, FOREIGN_ORIGIN)(scope, receive, send)
        elif method not in SAFE and not _is_taken(headers.get("content-type")):
            await respond(scope, NOT_TAKEN)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _may(self, method: str, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if method in SAFE:
            return self._may_read(site, headers)
        if site is not None:
            return site in ("same-origin", "none")
        return self._is_own(headers)

    def _may_read(self, site: str | None, headers: Headers) -> bool:
        """A link may lead here from anywhere; what another site's page fetches, it gets nothing of, streams least of all."""
        if site == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return False
        if "text/event-stream" in headers.get("accept", ""):
            return site in (None, "same-origin", "none") and self._is_own(headers)
        return True

    def _is_own(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:
            return True
        netloc = urlsplit(origin).netloc.lower() if origin.startswith(("http://", "https://")) else ""
        return bool(netloc) and netloc in (headers.get("host", "").lower(), self._own)


def _is_taken(content_type: str | None) -> bool:
    """None: there is no body, or a program that does not say what it is."""
    return content_type is None or content_type.partition(";")[0].strip().lower() in TAKEN


def host_name(header: str) -> str:
    """The name of a Host header, without its port."""
    name, colon, port = header.strip().lower().rpartition(":")
    return name if colon and port.isdigit() else header.strip().lower()


def hosts_of(url: str, allowed: Iterable[str]) -> set[str]:
    """The host of our own address, and those allowed besides."""
    return {host_name(urlsplit(url).netloc), *(host_name(host) for host in allowed)} - {""}

"""Refuse unknown host names, requests from other sites' pages, and bodies of types that no route takes."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.base_path import get_route_path
from entrypoints.http.body_types import YAML_PATH, is_json_or_form, is_yaml
from entrypoints.http.middleware.concurrency_limit import HEALTH_PATHS
from entrypoints.http.problems import Problem, problem_response

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN_HOST: Final = Problem(421, "unknown_host", "Unknown host name. Add it to HEADGATE_ALLOWED_HOSTS to allow it.")
UNSUPPORTED_TYPE: Final = Problem(415, "unsupported_media_type", "The body must be JSON or a form. Set Content-Type: application/json.")
COMPRESSED: Final = Problem(
    415, "unsupported_media_type", "Compressed bodies are not supported. Remove Content-Encoding.", headers={"Accept-Encoding": "identity"}
)
UNKNOWN_CODING: Final = Problem(
    501, "unknown_transfer_coding", "The only supported transfer coding is chunked.", headers={"Connection": "close"}
)
SEVERAL_HOSTS: Final = Problem(400, "invalid_request", "A request must have exactly one Host header.", headers={"Connection": "close"})
FOREIGN_ORIGIN: Final = Problem(403, "foreign_origin", "The request comes from a web page of another site.")


class HostOrigin:
    """421 for an unknown Host (DNS rebinding), 403 for another site's page (CSRF), 415 for another type of body or a compressed one.

    Programs that send neither Origin nor Sec-Fetch-Site pass. `hosts` are accepted beside loopback; `*` accepts all. Load balancers
    address the probes by IP, or without a Host, so these accept every host.
    """

    def __init__(self, app: ASGIApp, *, public_url: str, hosts: Iterable[str]) -> None:
        self._app = app
        self._own_netloc = urlsplit(public_url).netloc.lower()
        self._hosts = LOOPBACK | ({parse_host_name(self._own_netloc), *(parse_host_name(host) for host in hosts)} - {""})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._find_problem(scope) if scope["type"] == "http" else None
        await (self._app if problem is None else problem_response(scope, problem))(scope, receive, send)

    def _find_problem(self, scope: Scope) -> Problem | None:
        method, headers, names = scope["method"], Headers(scope=scope), [name for name, _ in scope["headers"]]
        if names.count(b"host") > 1:
            return SEVERAL_HOSTS
        if b"transfer-encoding" in names and headers["transfer-encoding"].strip().lower() != "chunked":
            return UNKNOWN_CODING
        if "*" not in self._hosts and parse_host_name(headers.get("host", "")) not in self._hosts and not _is_probe(scope):
            return UNKNOWN_HOST
        if method in SAFE_METHODS:
            return None if self._is_read_allowed(headers) else FOREIGN_ORIGIN
        if not self._may_write(headers):
            return FOREIGN_ORIGIN
        if b"content-encoding" in names and headers["content-encoding"].strip().lower() not in ("", "identity"):
            return COMPRESSED
        return None if _is_accepted_type(scope, headers.get("content-type")) else UNSUPPORTED_TYPE

    def _may_write(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        return self._is_own_origin(headers) if site is None else site in ("same-origin", "none")

    def _is_read_allowed(self, headers: Headers) -> bool:
        """Links from other sites may lead here; their pages' fetches and streams are refused."""
        site = headers.get("sec-fetch-site")
        if site == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return False
        if "text/event-stream" in headers.get("accept", ""):
            return site in (None, "same-origin", "none") and self._is_own_origin(headers)
        return True

    def _is_own_origin(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:
            return True
        netloc = urlsplit(origin).netloc.lower() if origin.startswith(("http://", "https://")) else ""
        return bool(netloc) and netloc in (headers.get("host", "").lower(), self._own_netloc)


def _is_probe(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD") and get_route_path(scope) in HEALTH_PATHS


def _is_accepted_type(scope: Scope, content_type: str | None) -> bool:
    return is_json_or_form(content_type) or (is_yaml(content_type) and get_route_path(scope).startswith(YAML_PATH))


@lru_cache(maxsize=256)
def parse_host_name(header: str) -> str:
    """Return the host name of a Host header, in lower case and without its port."""
    name, colon, port = header.strip().lower().rpartition(":")
    return name if colon and port.isdigit() else header.strip().lower()

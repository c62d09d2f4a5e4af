"""Who may ask: the host names we answer to, and no web page of another origin."""

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from entrypoints.api.heads import Head, text_of
from entrypoints.api.problems import Problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

UNKNOWN_HOST = Problem(421, "unknown_host", "Headgate does not answer to this host name; HEADGATE_ALLOWED_HOSTS lists those it does.")
TAKEN = frozenset({"application/json", "application/x-www-form-urlencoded"})
"""What a body may be. A page elsewhere can send text/plain and multipart without being asked; nobody of ours does."""
NOT_TAKEN = Problem(415, "unsupported_media_type", "A body is JSON, or a form: send Content-Type: application/json.")
FOREIGN_ORIGIN = Problem(403, "foreign_origin", "This request comes from a web page of another site.")


class HostGuard:
    """Answers to known names only, so that no name of somebody else's can be pointed here."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    def problem(self, head: Head) -> Problem | None:
        known = "*" in self._hosts or host_name(text_of(head, b"host") or "") in self._hosts
        return None if known else UNKNOWN_HOST


class OriginGuard:
    """Lets a browser act only from our own pages, and nobody by a body that is neither JSON nor a form. Programs that send neither Origin
    nor Sec-Fetch-Site pass."""

    def __init__(self, url: str) -> None:
        self._own = urlsplit(url).netloc.lower()

    def problem(self, method: str, head: Head) -> Problem | None:
        if not self._may(method, head):
            return FOREIGN_ORIGIN
        return None if method in SAFE or _is_taken(text_of(head, b"content-type")) else NOT_TAKEN

    def _may(self, method: str, head: Head) -> bool:
        site = text_of(head, b"sec-fetch-site")
        if method in SAFE:
            return self._may_read(site, head)
        if site is not None:
            return site in ("same-origin", "none")
        return self._is_own(head)

    def _may_read(self, site: str | None, head: Head) -> bool:
        """A link may lead here from anywhere; what another site's page fetches, it gets nothing of, streams least of all."""
        if site == "cross-site" and head.get(b"sec-fetch-mode") != b"navigate":
            return False
        if b"text/event-stream" in head.get(b"accept", b""):
            return site in (None, "same-origin", "none") and self._is_own(head)
        return True

    def _is_own(self, head: Head) -> bool:
        origin = text_of(head, b"origin")
        if origin is None:
            return True
        netloc = urlsplit(origin).netloc.lower() if origin.startswith(("http://", "https://")) else ""
        return bool(netloc) and netloc in ((text_of(head, b"host") or "").lower(), self._own)


@lru_cache(maxsize=256)
def _is_taken(content_type: str | None) -> bool:
    """None: there is no body, or a program that does not say what it is."""
    return content_type is None or content_type.partition(";")[0].strip().lower() in TAKEN


@lru_cache(maxsize=256)
def host_name(header: str) -> str:
    """The name of a Host header, without its port."""
    name, colon, port = header.strip().lower().rpartition(":")
    return name if colon and port.isdigit() else header.strip().lower()


def hosts_of(url: str, allowed: Iterable[str]) -> set[str]:
    """The host of our own address, and those allowed besides."""
    return {host_name(urlsplit(url).netloc), *(host_name(host) for host in allowed)} - {""}

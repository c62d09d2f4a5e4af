"""URLs at which a web server is reached: scheme, host, and a path if a proxy serves it below one."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

OWN_SEGMENTS: Final = frozenset(
    {
        "accounts",
        "alert-rules",
        "audit",
        "backfills",
        "channels",
        "docs",
        "events",
        "favicon.ico",
        "groups",
        "incidents",
        "livez",
        "openapi.json",
        "pipeline-files",
        "pipelines",
        "prefect",
        "readyz",
        "runs",
        "schedules",
        "schemas",
        "silences",
        "static",
        "status-update",
        "ticks",
        "tokens",
        "trigger",
        "ui",
        "waiting",
        "worker",
    }
)
"""First segments of the server's own paths. A base path that begins with one could not be told from them."""
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")


def normalize_base_url(url: str) -> str:
    """Return the URL without a trailing slash. Raise ValueError if no client could use it."""
    text = url.strip()
    if not re.match(r"https?://[^/]", text, re.IGNORECASE):
        raise ValueError("must start with http:// or https://")
    if not text.isprintable():
        raise ValueError("must hold no control characters")
    parts = urlsplit(text)
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError("must hold no password, no ? and no #")
    _check_host(parts)
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path):
        raise ValueError(f"the path {path[:100]!r} must be segments of letters, digits and - . _ ~, such as /headgate")
    return f"{parts.scheme}://{parts.netloc}{path}"


def parse_base_path(url: str) -> str:
    """Return the path of a base URL, such as `/headgate`; empty if it has none."""
    return urlsplit(url).path.rstrip("/")


def check_free_base_path(url: str) -> None:
    """Raise ValueError if the URL's path begins like a path of the server itself."""
    first = parse_base_path(url).split("/")[1:2]
    if first and first[0] in OWN_SEGMENTS:
        raise ValueError(f"the path must not begin with /{first[0]}, which is a path of Headgate itself; use another, such as /headgate")


def _check_host(parts: SplitResult) -> None:
    name, colon, port = parts.netloc.rpartition(":")
    if not colon or parts.netloc.endswith("]"):
        name, port = parts.netloc, "80"
    if not _HOST.fullmatch(name):
        raise ValueError("must name a host in ASCII, such as headgate.example.com or [::1]")
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
        raise ValueError("must have a port from 1 to 65535, or none")

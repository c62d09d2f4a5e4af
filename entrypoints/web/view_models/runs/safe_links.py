"""Links that stages report."""

from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class OutputLink:
    """A link or an image. `href` is empty for a URL that pages must not link to."""

    title: str
    href: str


def get_safe_url(url: str) -> str:
    """Return an http or https URL or a path of this site; empty for anything else, such as `javascript:`."""
    text = url.strip()
    if len(text) > MAX_URL_LENGTH or any(ord(character) < 0x21 or character == "\\" for character in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme in ("http", "https") and parts.netloc:
        return text
    return text if not parts.scheme and not parts.netloc and text.startswith("/") else ""

"""Request targets other than a path: an absolute URL, and the asterisk of `OPTIONS *` (RFC 9112, section 3.2)."""

import re
from typing import Final

Headers = list[tuple[bytes, bytes]]
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#@]+)([/?].*)?", re.IGNORECASE | re.DOTALL)
_HOP_HEADERS: Final = (b"upgrade", b"http2-settings")


def split_absolute_target(target: bytes) -> tuple[bytes, bytes] | None:
    """Return the host and the path with its query; None for a target that is no absolute URL."""
    found = _ABSOLUTE.fullmatch(target.partition(b"#")[0])
    if found is None:
        return None
    path = found[2] or b""
    return found[1], path if path.startswith(b"/") else b"/" + path


def build_head_without_upgrade(method: bytes, target: bytes, headers: Headers) -> bytes:
    """Return the request's head without the offer to speak another protocol, which a server may ignore."""
    lines = [b"%b %b HTTP/1.1\r\n" % (method, target)]
    for name, value in headers:
        if name == b"connection":
            value = b", ".join(token for token in map(bytes.strip, value.split(b",")) if token.lower() not in _HOP_HEADERS)
        if name not in _HOP_HEADERS and (value or name != b"connection"):
            lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines) + b"\r\n"

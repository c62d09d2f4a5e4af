"""Lists the ways in which programs commonly write a secret, as bytes to look for."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST_FORM: Final = 6
_SHORTEST_LINE: Final = 8
_QUOTE_SAFE: Final = ("", "/", "!'()*")
"""Characters besides letters, digits and `_.-~` that programs leave as they are; the last ones are those of JavaScript."""


def encode_forms(secret: str) -> Iterator[bytes]:
    """Yield each way of writing the secret, and each line of one with several lines. No form contains a line end."""
    lines = secret.splitlines()
    parts = [secret, *(line for line in lines if len(lines) > 1 and len(line) >= _SHORTEST_LINE and not line.startswith("-----"))]
    for text in parts:
        raw = text.encode("utf-8", "surrogateescape")
        for form in (raw, *_encode_texts(text), *_encode_bytes(raw), *_encode_base64(raw), *_encode_base32(raw)):
            yield form.translate(None, b"\r\n")


def _encode_texts(text: str) -> Iterator[bytes]:
    safe = text.encode("utf-8", "replace").decode()
    yield json.dumps(safe, ensure_ascii=False)[1:-1].encode()
    yield repr(safe)[1:-1].encode()
    for escaped in (json.dumps(safe)[1:-1], "".join(f"\\u{unit:04x}" for unit in _get_utf16_units(safe))):
        yield escaped.encode()
        yield re.sub(r"\\u[0-9a-f]{4}", lambda match: "\\u" + match[0][2:].upper(), escaped).encode()
    for keeps in _QUOTE_SAFE:
        for encoded in (quote(safe, keeps), quote_plus(safe, keeps)):
            yield encoded.encode()
            yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded).encode()


def _get_utf16_units(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def _encode_bytes(raw: bytes) -> Iterator[bytes]:
    percent = "".join(f"%{byte:02x}" for byte in raw)
    for digits in (raw.hex(), raw.hex(":"), percent):
        yield digits.encode()
        yield digits.upper().encode()


def _encode_base64(raw: bytes) -> Iterator[bytes]:
    """Yield the base64 characters that depend on the secret only, for each alignment within a group of three bytes."""
    for before in range(3):
        bits = (before + len(raw)) * 8
        encoded = base64.b64encode(b"\0" * before + raw)[-(-before * 8 // 6) : bits // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def _encode_base32(raw: bytes) -> Iterator[bytes]:
    """Yield the base32 characters that depend on the secret only, for each alignment within a group of five bytes."""
    for before in range(5):
        bits = (before + len(raw)) * 8
        yield base64.b32encode(b"\0" * before + raw)[-(-before * 8 // 5) : bits // 5]

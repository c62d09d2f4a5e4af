"""Masks secrets in a stage's output: plain, and in the encodings that programs commonly use."""

from __future__ import annotations

import base64
import bisect
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
_MASK = MASK.encode()
_SHORTEST_FORM: Final = 6
_SHORTEST_LINE: Final = 8
_LINE_ENDS = re.compile(rb"[\r\n]")


class SecretMasker:
    """Masks the secrets of one attempt. Line ends are ignored, so a wrapped secret is found too."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _encode_forms(secret) if len(form) >= _SHORTEST_FORM}
        self.forms = sorted(forms, key=len, reverse=True)
        self.longest = len(self.forms[0]) if self.forms else 0
        self.pattern = re.compile(b"|".join(map(re.escape, self.forms))) if self.forms else None

    def text(self, text: str) -> str:
        """Return the masked text. The beginning of a secret at its end is masked too, since the text may have been cut there."""
        stream = StreamMasker(self)
        data = text.encode("utf-8", "surrogatepass")
        masked = stream.feed(data)
        rest = stream.flush()
        return (masked + (_MASK if len(rest) >= _SHORTEST_FORM else rest)).decode("utf-8", "surrogatepass")

    def value(self, value: Any) -> Any:
        """Return the masked JSON value, names and numbers included."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(str(name)): self.value(item) for name, item in value.items()}
            case list():
                return [self.value(item) for item in value]
            case bool() | None:
                return value
            case _:
                return value if self.text(str(value)) == str(value) else MASK


class StreamMasker:
    """Masks a stream of bytes, wherever it is cut. Holds back only what may be the beginning of a secret."""

    def __init__(self, masker: SecretMasker) -> None:
        self._masker = masker
        self._held = b""
        self._covered = 0
        """Held bytes that belong to a secret that was masked already."""

    def feed(self, data: bytes) -> bytes:
        """Return the masked bytes that can be passed on now."""
        if self._masker.pattern is None:
            return data
        return self._advance(self._held + data, final=False)

    def flush(self) -> bytes:
        """Return the rest, when no more bytes follow."""
        return self._advance(self._held, final=True) if self._held else b""

    def _advance(self, data: bytes, *, final: bool) -> bytes:
        ends = [match.start() for match in _LINE_ENDS.finditer(data)]
        plain = data.translate(None, b"\r\n") if ends else data
        places = _OffsetMap(ends)
        cut = len(data) if final else places.to_original(len(plain) - self._count_possible_start(plain)) if plain else len(data)
        if not final and self._count_possible_start(plain) == 0:
            cut = len(data)
        passed: list[bytes] = []
        open_until = self._covered
        for begin, end in self._find_secrets(plain, places):
            if begin >= cut:
                break
            if begin >= open_until:
                passed += [data[open_until:begin], _MASK]
            open_until = max(open_until, end)
        if cut > open_until:
            passed.append(data[open_until:cut])
        self._held, self._covered = data[cut:], max(0, open_until - cut)
        return b"".join(passed)

    def _find_secrets(self, plain: bytes, places: _OffsetMap) -> Iterator[tuple[int, int]]:
        pattern = self._masker.pattern
        at = 0
        while pattern is not None and (match := pattern.search(plain, at)):
            yield places.to_original(match.start()), places.to_original(match.end() - 1) + 1
            at = match.start() + 1

    def _count_possible_start(self, plain: bytes) -> int:
        """Return the length of the longest suffix that begins a secret."""
        most = 0
        for form in self._masker.forms:
            first, at = form[:1], max(0, len(plain) - len(form) + 1)
            while (at := plain.find(first, at, len(plain) - most)) >= 0:
                if form.startswith(plain[at:]):
                    most = len(plain) - at
                    break
                at += 1
        return most


class _OffsetMap:
    """Maps offsets in the text without line ends to offsets in the text with them."""

    def __init__(self, ends: list[int]) -> None:
        # Number of other bytes before the n-th line end.
        self._before = [end - number for number, end in enumerate(ends)]

    def to_original(self, place: int) -> int:
        return place + bisect.bisect_right(self._before, place)


def _encode_forms(secret: str) -> Iterator[bytes]:
    lines = secret.splitlines()
    parts = [secret, *(line for line in lines if len(lines) > 1 and len(line) >= _SHORTEST_LINE and not line.startswith("-----"))]
    for text in parts:
        raw = text.encode("utf-8", "surrogateescape")
        for form in (raw, *_encode_texts(text), raw.hex().encode(), raw.hex().upper().encode(), *_encode_base64(raw)):
            yield form.translate(None, b"\r\n")


def _encode_texts(text: str) -> Iterator[bytes]:
    safe = text.encode("utf-8", "replace").decode()
    yield json.dumps(safe)[1:-1].encode()
    yield json.dumps(safe, ensure_ascii=False)[1:-1].encode()
    yield repr(safe)[1:-1].encode()
    for keeps in ("", "/"):
        for encoded in (quote(safe, keeps), quote_plus(safe, keeps)):
            yield encoded.encode()
            yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded).encode()


def _encode_base64(raw: bytes) -> Iterator[bytes]:
    """Yield the base64 characters that depend on the secret only, for each alignment within a group of three bytes."""
    for before in range(3):
        bits = (before + len(raw)) * 8
        encoded = base64.b64encode(b"\0" * before + raw)[-(-before * 8 // 6) : bits // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))

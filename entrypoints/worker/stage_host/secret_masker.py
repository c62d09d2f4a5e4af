"""Masks secrets in a stage's output: plain, and in the encodings that programs commonly use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from entrypoints.worker.stage_host.plain_view import PlainView, build_views
from entrypoints.worker.stage_host.secret_forms import SHORTEST_FORM, encode_forms

MASK: Final = "***"
_MASK = MASK.encode()
_KNOWN_END: Final = 4
"""The last bytes of the output are looked up in all forms at once. Most output ends with bytes that no secret contains."""

_MAX_IGNORED: Final = 64 * 1024
"""Bytes of line ends and terminal codes inside a possible secret after which it is passed on as it is."""


class SecretMasker:
    """Masks the secrets of one attempt. Line ends and terminal codes are ignored, so a wrapped or coloured secret is found too."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in encode_forms(secret) if len(form) >= SHORTEST_FORM}
        self.forms = sorted(forms, key=len, reverse=True)
        self.longest = len(self.forms[0]) if self.forms else 0
        self._all_forms = b"\n".join(self.forms)
        self._short_beginnings = frozenset(form[:size] for form in forms for size in range(1, _KNOWN_END))

    def find_secrets(self, view: PlainView) -> list[tuple[int, int]]:
        """List where in the original a secret begins and ends, in order. Overlapping places of one form are one."""
        places = [place for form in self.forms if form in view.plain for place in _find_all(form, view.plain)]
        return sorted((view.to_original(begin), view.to_original(end - 1) + 1) for begin, end in places)

    def count_possible_start(self, plain: bytes) -> int:
        """Return the length of the longest suffix that begins a secret."""
        end, most = plain[-_KNOWN_END:], 0
        if len(end) == _KNOWN_END and end in self._all_forms:
            most = max(_count_beginning(form, plain, end) for form in self.forms)
        return most or self._count_short_start(plain)

    def _count_short_start(self, plain: bytes) -> int:
        sizes = range(min(_KNOWN_END - 1, len(plain)), 0, -1)
        return next((size for size in sizes if plain[-size:] in self._short_beginnings), 0)

    def text(self, text: str) -> str:
        """Return the masked text. The beginning of a secret at its end is masked too, since the text may have been cut there."""
        stream = StreamMasker(self)
        data = text.encode("utf-8", "surrogatepass")
        masked = stream.feed(data)
        rest = stream.flush()
        return (masked + (_MASK if len(rest) >= SHORTEST_FORM else rest)).decode("utf-8", "surrogatepass")

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
        self._passed = 0
        """Held bytes that were passed on already, because they end a line and are too few to show a secret."""

    @property
    def harmless_rest(self) -> bytes:
        """The bytes that are held back now, if they are too few to show a secret. Otherwise nothing."""
        return self._held[self._passed :] if len(self._held) < SHORTEST_FORM and not self._covered else b""

    def feed(self, data: bytes) -> bytes:
        """Return the masked bytes that can be passed on now."""
        if not self._masker.forms:
            return data
        return self._advance(self._held + data, final=False)

    def flush(self) -> bytes:
        """Return the rest, when no more bytes follow."""
        return self._advance(self._held, final=True) if self._held else b""

    def _advance(self, data: bytes, *, final: bool) -> bytes:
        views = list(build_views(data))
        cut, possible = (len(data), 0) if final else self._find_cut(data, views)
        masked: list[bytes] = []
        covered, done = self._covered, max(self._covered, self._passed)
        for begin, end in sorted(place for view in views for place in self._masker.find_secrets(view)):
            if begin >= cut:
                break
            if max(begin, self._passed) >= done:
                masked += [data[done : max(begin, self._passed)], _MASK]
            covered, done = max(covered, end), max(done, end)
        self._held, self._covered, self._passed = data[cut:], max(0, covered - cut), max(0, self._passed - cut)
        if 0 < possible < SHORTEST_FORM and not self._covered and data.endswith(b"\n"):
            # The line must not wait for the next one only because its last letters may begin a secret.
            self._passed, cut = len(self._held), len(data)
        masked.append(data[done:cut])
        return b"".join(masked)

    def _find_cut(self, data: bytes, views: list[PlainView]) -> tuple[int, int]:
        """Return the offset from which bytes are held back, and how many of them may begin a secret."""
        cut, most = len(data), 0
        for view in views:
            if possible := self._masker.count_possible_start(view.plain):
                cut, most = min(cut, view.to_original(len(view.plain) - possible)), max(most, possible)
        return max(cut, len(data) - self._masker.longest - _MAX_IGNORED), most


def _find_all(form: bytes, plain: bytes) -> Iterator[tuple[int, int]]:
    at = plain.find(form)
    while at >= 0:
        begin, end = at, at + len(form)
        while (at := plain.find(form, at + 1)) >= 0 and at < end:
            end = at + len(form)
        yield begin, end


def _count_beginning(form: bytes, plain: bytes, end: bytes) -> int:
    """Return the length of the longest beginning of the form, but not all of it, with which `plain` ends. It ends with `end`."""
    at = form.rfind(end, 0, len(form) - 1)
    while at >= 0:
        if plain.endswith(form[: at + len(end)]):
            return at + len(end)
        at = form.rfind(end, 0, at + len(end) - 1)
    return 0

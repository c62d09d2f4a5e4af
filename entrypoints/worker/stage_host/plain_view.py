"""A view of a stage's output without line ends or terminal codes, so that a secret with some inside is found."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import Final

ESCAPE: Final = b"\x1b"

_LINE_ENDS: Final = re.compile(rb"[\r\n]")
# Control sequences such as colours, operating system commands such as links, and short sequences. Longer ones are ordinary text.
_TERMINAL_CODES: Final = re.compile(
    rb"[\r\n]|\x1b(?:\[[0-?]{0,64}[ -/]{0,4}[@-~]|\][^\x07\x1b\r\n]{0,512}(?:\x07|\x1b\\)|[ -/]{1,4}[0-~]|[0-Z\\^-~])"
)
_UNFINISHED_CODE: Final = re.compile(rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,4}|\][^\x07\x1b\r\n]{0,512}\x1b?|[ -/]{0,4})\Z")
_LONGEST_CODE: Final = 520


class PlainView:
    """Bytes with some parts removed, and the way back from an offset in the rest to the offset in the original."""

    def __init__(self, original: bytes, plain: bytes, removed: re.Pattern[bytes], end: int) -> None:
        self.plain = plain
        self._original, self._removed, self._end = original, removed, end
        self._offsets: tuple[list[int], list[int]] | None = None

    def to_original(self, place: int) -> int:
        """Return the offset in the original of the byte at this offset of `plain`."""
        places, totals = self._offsets = self._offsets or self._count_removed()
        before = bisect.bisect_right(places, place)
        return place + (totals[before - 1] if before else 0)

    def _count_removed(self) -> tuple[list[int], list[int]]:
        """Return where in `plain` something was removed, and how many bytes up to there."""
        places, totals, total = [], [], 0
        for match in self._removed.finditer(self._original, 0, self._end):
            places.append(match.start() - total)
            total += match.end() - match.start()
            totals.append(total)
        return places, totals


def build_views(data: bytes) -> Iterator[PlainView]:
    """Yield the data without line ends and, if there are any terminal codes, also without these."""
    yield PlainView(data, data.translate(None, b"\r\n"), _LINE_ENDS, len(data))
    if ESCAPE in data:
        # A code that the next bytes may complete counts as one.
        unfinished = _UNFINISHED_CODE.search(data, max(0, len(data) - _LONGEST_CODE))
        end = unfinished.start() if unfinished else len(data)
        yield PlainView(data, _TERMINAL_CODES.sub(b"", data[:end]), _TERMINAL_CODES, end)

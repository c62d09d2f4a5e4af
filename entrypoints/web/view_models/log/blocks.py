"""Blocks of the log that can be folded: consecutive lines of one attempt, or of attempts that ran at the same time.

The page's script groups the lines that it adds in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from entrypoints.web.view_models.formatting import pluralize
from entrypoints.web.view_models.log.attempts import AttemptLabel
from entrypoints.web.view_models.log.lines import LogLine

MIN_LINES = 4
"""Fewer consecutive lines of an attempt make no block of their own beside other attempts' lines."""
NAMED_ATTEMPTS = 3
"""Attempts that the heading of a mixed block names."""


@dataclass(slots=True)
class LogBlock:
    """Consecutive lines with a heading. `is_mixed` is True if they are of several attempts."""

    lines: list[LogLine] = field(default_factory=list)
    is_mixed: bool = False
    is_open: bool = True

    @property
    def attempts(self) -> Sequence[AttemptLabel]:
        """The attempts that the heading names."""
        return self._find_attempts()[:NAMED_ATTEMPTS]

    @property
    def more(self) -> str:
        """How many attempts the heading does not name; empty if it names all."""
        hidden = len(self._find_attempts()) - NAMED_ATTEMPTS
        return f"and {hidden:,} more" if hidden > 0 else ""

    @property
    def count(self) -> str:
        """The number of its lines that the page contains."""
        return pluralize(len(self.lines), "line")

    def accepts(self, line: LogLine) -> bool:
        """Return whether the next line belongs to this block."""
        return self.is_mixed or len(self.lines) < MIN_LINES or self.lines[-1].attempt.key == line.attempt.key

    def append(self, line: LogLine) -> None:
        """Append a line that the block accepts."""
        self.is_mixed = self.is_mixed or bool(self.lines and self.lines[-1].attempt.key != line.attempt.key)
        self.lines.append(line)

    def split_end(self) -> "LogBlock | None":
        """Remove the last lines from a mixed block if enough of them are of one attempt, and return them as a block."""
        end = self.lines[-MIN_LINES:]
        if not self.is_mixed or any(line.attempt.key != end[0].attempt.key for line in end):
            return None
        del self.lines[-MIN_LINES:]
        self.is_mixed = any(line.attempt.key != self.lines[0].attempt.key for line in self.lines)
        return LogBlock(end)

    def _find_attempts(self) -> list[AttemptLabel]:
        return list({line.attempt.key: line.attempt for line in self.lines}.values())


def group_lines(lines: Sequence[LogLine], *, are_folded: bool = False, target: int | None = None) -> list[LogBlock]:
    """Return the lines in blocks. If they are folded, only the one with the line `target` is open."""
    blocks: list[LogBlock] = []
    for line in lines:
        if not blocks or not blocks[-1].accepts(line):
            blocks.append(LogBlock())
        blocks[-1].append(line)
        if end := blocks[-1].split_end():
            blocks.append(end)
    for block in blocks:
        block.is_open = not are_folded or any(line.n == target for line in block.lines)
    return blocks

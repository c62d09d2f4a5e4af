"""Print lines of a log, each with its stage if several stages write."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len
from rich.text import Text

from entrypoints.cli.screens.column_widths import shorten_middle
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import create_console

_COLOURS: Final = (
    "cyan",
    "magenta",
    "yellow",
    "green",
    "blue",
    "bright_cyan",
    "bright_magenta",
    "bright_yellow",
    "bright_green",
    "bright_blue",
)
_WIDEST_LABEL: Final = 30
_STREAM_STYLES: Final = {"stderr": "red", "headgate": "dim"}


class LogPrinter:
    """Prints to standard output. In a terminal, each stage has a colour, and so have lines of stderr and of Headgate."""

    def __init__(self, stages: Sequence[str], *, has_labels: bool, has_times: bool) -> None:
        self._console = create_console()
        self._colours = {stage: _COLOURS[index % len(_COLOURS)] for index, stage in enumerate(stages)}
        self._width = min(_WIDEST_LABEL, max((cell_len(stage) for stage in stages), default=0))
        self._has_labels = has_labels
        self._has_times = has_times

    def print_line(self, line: Mapping[str, Any]) -> None:
        """Print one line at once, without what could control the terminal."""
        text = Text()
        if self._has_times:
            text.append(f"{line['at']}  ", "dim")
        if self._has_labels:
            text.append(f"{self._build_label(line)} | ", self._colours.get(line["stage"], ""))
        text.append(sanitize(line["text"]), _STREAM_STYLES.get(line["stream"], ""))
        self._console.print(text, soft_wrap=True)
        self._console.file.flush()

    def _build_label(self, line: Mapping[str, Any]) -> str:
        attempt = f"[{line['attempt']}]" if line["attempt"] > 1 else ""
        label = shorten_middle(sanitize(line["stage"]), self._width, "…") + attempt
        return label + " " * (self._width - cell_len(label))

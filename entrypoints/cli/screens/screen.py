"""The interface of the screens that show a watched run."""

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from entrypoints.cli.screens.sanitizer import sanitize

Run = Mapping[str, Any]
Stages = Sequence[Mapping[str, Any]]


class Screen(Protocol):
    """Shows a run while it proceeds. A context manager: leaving it restores the terminal, also after an error."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def show(self, run: Run, stages: Stages) -> None:
        """Show the current state of the run."""
        ...

    def event(self, event: Mapping[str, Any]) -> None:
        """Show one event. Each is passed once, in the order of the run's history."""
        ...

    def note(self, text: str) -> None:
        """Show a message about the watch itself, such as a lost connection."""
        ...

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        """Show how the run ended, with the last log lines of each failed stage by name."""
        ...


class BaseScreen:
    """A screen that ignores the state and prints notes to stderr."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def show(self, run: Run, stages: Stages) -> None:
        return None

    def note(self, text: str) -> None:
        print(f"headgate: {text}", file=sys.stderr, flush=True)


def print_log_tails(log_tails: Mapping[str, Sequence[str]]) -> None:
    for stage, lines in log_tails.items():
        print(f"--- the end of {sanitize(stage)}'s log", flush=True)
        for line in lines:
            print(f"    {sanitize(line)}", flush=True)

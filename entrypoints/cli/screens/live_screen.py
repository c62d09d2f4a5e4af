"""Show a watched run in place in a terminal."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import RenderableType
from rich.live import Live

from entrypoints.cli.screens.run_view import render_run, utc_now
from entrypoints.cli.screens.screen import BaseScreen, Run, Stages, print_log_tails
from entrypoints.cli.screens.tables import create_console


class LiveScreen(BaseScreen):
    """Redraws the run several times a second, so that its durations advance."""

    def __init__(self) -> None:
        self._console = create_console()
        self._current: tuple[Run, Stages] | None = None
        self._note = ""
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()
        if kind is not None and self._current:
            self._console.print(render_run(*self._current, utc_now(), self._console.width))

    def show(self, run: Run, stages: Stages) -> None:
        self._current, self._note = (run, stages), ""

    def event(self, event: Mapping[str, Any]) -> None:
        return None

    def note(self, text: str) -> None:
        self._note = text

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        self._live.stop()
        self._console.print(render_run(run, stages, utc_now(), self._console.width))
        print_log_tails(log_tails)

    def _render(self) -> RenderableType:
        return render_run(*self._current, utc_now(), self._console.width) if self._current and not self._note else self._note

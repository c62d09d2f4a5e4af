"""Print a watched run as JSON lines, for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from entrypoints.cli.output import print_json_line
from entrypoints.cli.screens.screen import BaseScreen, Run, Stages


class JsonScreen(BaseScreen):
    """Prints every event as a line of JSON, and the run with its stages as the last line."""

    def event(self, event: Mapping[str, Any]) -> None:
        print_json_line(event)

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        print_json_line({**run, "stages": list(stages)})

"""Print a watched run as JSON lines, for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from entrypoints.cli.screens.screen import BaseScreen, Run, Stages


class JsonScreen(BaseScreen):
    """Prints every event as a line of JSON, and the run with its stages as the last line."""

    def event(self, event: Mapping[str, Any]) -> None:
        print(json.dumps(event, ensure_ascii=False), flush=True)

    def end(self, run: Run, stages: Stages, log_tails: Mapping[str, Sequence[str]]) -> None:
        print(json.dumps({**run, "stages": list(stages)}, ensure_ascii=False), flush=True)

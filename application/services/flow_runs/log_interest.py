"""The runs whose logs people and programs read at present."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from application.queries.views.runs import RunView
from application.services.loop import get_loop_time
from domain.pipelines.definition import StageKind

EXPIRES_AFTER_SECONDS: Final = 20.0
"""How long a run counts as looked at after its log was read."""


class LogInterest:
    """Remembers in this process whose logs are read, so that only those are copied from Prefect while flow runs are under way."""

    def __init__(self, monotonic: Callable[[], float] = get_loop_time) -> None:
        self._monotonic = monotonic
        self._expires_at: dict[int, float] = {}
        self.has_news = asyncio.Event()
        """Set when the log of a run is read that was not looked at before."""

    def mark_if_followed(self, run: RunView) -> None:
        """Note that the log of a run is read now, if flow runs of its stages are under way."""
        if any(stage.kind == StageKind.PREFECT and not stage.status.is_terminal for stage in run.stages):
            self.mark(run.id)

    def mark(self, run_id: int) -> None:
        """Note that the log of a run is read now."""
        if self._expires_at.get(run_id, 0.0) <= self._monotonic():
            self.has_news.set()
        self._expires_at[run_id] = self._monotonic() + EXPIRES_AFTER_SECONDS

    def list_run_ids(self) -> Sequence[int]:
        """Return the runs whose logs were read within EXPIRES_AFTER_SECONDS."""
        now = self._monotonic()
        self._expires_at = {run_id: at for run_id, at in self._expires_at.items() if at > now}
        return sorted(self._expires_at)

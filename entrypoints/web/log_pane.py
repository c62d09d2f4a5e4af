"""The part of a run's log that its page opens with."""

from urllib.parse import urlencode

from application.ports.readers import Reader
from application.queries.views import RunView
from entrypoints.web.view_models.log import FIRST_SHOWN, LogPane, Pill, log_lines

BEFORE = 100
"""Lines shown above the one a link points to."""


async def log_pane(reader: Reader, run: RunView, view: str, stage: str | None, line: int | None) -> LogPane:
    """The newest lines, or those around `line`, which then do not follow new ones."""
    if line is None:
        lines = await reader.log_tail(run.id, stage=stage, limit=FIRST_SHOWN)
    else:
        lines = await reader.log(run.id, stage=stage, attempt=None, after=max(0, line - BEFORE), limit=FIRST_SHOWN)
    pills = [Pill("All", _link(run.id, view, None), stage is None)]
    pills += [Pill(each.name, _link(run.id, view, each.name), each.name == stage) for each in run.stages]
    download = f"/ui/runs/{run.id}/log.txt" + (f"?{urlencode({'stage': stage})}" if stage else "")
    return LogPane(log_lines(lines), pills, stage, download, line is None, lines[-1].n if lines else 0)


def _link(run_id: int, view: str, stage: str | None) -> str:
    query = {"view": view, "stage": stage or ""}
    return f"/ui/runs/{run_id}?{urlencode({key: value for key, value in query.items() if value})}#log"

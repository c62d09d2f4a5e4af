"""What the browser's tab shows of a page: a title that begins with the state, and an icon, whose path does not include the base path."""

from collections.abc import Mapping, Sequence
from typing import Final

from application.queries.views.pipelines import BoardRow
from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.web.static_files import get_asset_url

_SIGNS: Final = {
    Status.QUEUED: "…",
    Status.RUNNING: "▶",
    Status.WAITING: "‖",
    Status.COMPLETED: "✔",
    Status.FAILED: "✘",
    Status.LOST: "✘",
    Status.CANCELLED: "⊘",
}
_ICONS: Final[Mapping[Status | None, str]] = {
    Status.RUNNING: "favicon-running.svg",
    Status.FAILED: "favicon-failed.svg",
    Status.LOST: "favicon-failed.svg",
}
_FAILED: Final = (Status.FAILED, Status.LOST)


def build_run_tab(run: RunView) -> Mapping[str, str]:
    """Return the title and the icon of a run's page as fragments."""
    return _build_tab(run.name, run.status)


def build_pipeline_tab(name: str, status: Status) -> Mapping[str, str]:
    """Return the title and the icon of a pipeline's page as fragments. `status` is that of its latest run."""
    return _build_tab(name, status) if status is not Status.COMPLETED else _build_tab(name, None)


def build_board_tab(rows: Sequence[BoardRow], is_archive: bool) -> Mapping[str, str]:
    """Return the title and the icon of the board as fragments: how many pipelines failed in their latest run."""
    if is_archive:
        return _build_fragments("Archived pipelines", None)
    failed = sum(row.pipeline.status in _FAILED for row in rows)
    sign = _SIGNS[Status.FAILED]
    return _build_fragments(f"{sign} {failed:,} failed · Pipelines" if failed else "Pipelines", Status.FAILED if failed else None)


def _build_tab(name: str, status: Status | None) -> Mapping[str, str]:
    sign = _SIGNS.get(status) if status else None
    return _build_fragments(f"{sign} {name} {status}" if sign else name, status)


def _build_fragments(title: str, status: Status | None) -> Mapping[str, str]:
    return {"tab-title": title, "tab-icon": get_asset_url(_ICONS.get(status, "favicon.svg"))}

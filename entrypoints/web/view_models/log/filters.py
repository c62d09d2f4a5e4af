"""The filters of the log: links to a few stages and attempts, and a list of all stages."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.log.query import LogQuery
from entrypoints.web.view_models.log.search import build_log_link
from entrypoints.web.view_models.runs.stage_groups import WORST_FIRST

MAX_STAGE_LINKS = 6
"""Stages with a link of their own, so that the links fit in one row."""
MAX_ATTEMPT_LINKS = 6


@dataclass(frozen=True, slots=True)
class FilterLink:
    """A link that changes the filter. `title` is a tooltip, for text that may be cut."""

    text: str
    href: str
    is_chosen: bool
    title: str = ""


@dataclass(frozen=True, slots=True)
class StageOptions:
    """The stages with one status, for the list of all stages."""

    label: str
    names: Sequence[str]


def build_stage_links(run: RunView, query: LogQuery) -> list[FilterLink]:
    """Return links to all stages and to those that need attention first, in the order of the definition."""
    base = query.without_position().replace(attempt=None)
    links = [FilterLink("All", build_log_link(run, base.replace(stage=None)), query.stage is None)]
    names = _choose_stages(run, query.stage)
    return links + [FilterLink(name, build_log_link(run, base.replace(stage=name)), name == query.stage, name) for name in names]


def build_stage_options(run: RunView) -> list[StageOptions]:
    """Return all stages by status, worst first, if not every stage has a link."""
    if len(run.stages) <= MAX_STAGE_LINKS:
        return []
    groups = ((status, [stage.name for stage in run.stages if stage.status is status]) for status in WORST_FIRST)
    return [StageOptions(f"{get_status_label(status).word} ({len(names):,})", names) for status, names in groups if names]


def build_attempt_links(run: RunView, query: LogQuery) -> list[FilterLink]:
    """Return links to the chosen stage's newest attempts and to the chosen one; empty if the stage has only one."""
    stage = run.find_stage(query.stage)
    if stage is None or len(stage.attempts) < 2:
        return []
    base = query.without_position()
    links = [FilterLink("all attempts", build_log_link(run, base.replace(attempt=None)), query.attempt is None)]
    newest = len(stage.attempts) - MAX_ATTEMPT_LINKS
    shown = [each.number for index, each in enumerate(stage.attempts) if index >= newest or each.number == query.attempt]
    links += [FilterLink(f"attempt {each}", build_log_link(run, base.replace(attempt=each)), each == query.attempt) for each in shown]
    return links


def _choose_stages(run: RunView, chosen: str | None) -> list[str]:
    """Return the stages with a link: all of a few; of many, the chosen one and those that failed or run first."""
    if len(run.stages) <= MAX_STAGE_LINKS:
        return [stage.name for stage in run.stages]
    worst = sorted(run.stages, key=lambda stage: (stage.name != chosen, _get_rank(stage.status)))[:MAX_STAGE_LINKS]
    shown = {stage.name for stage in worst}
    return [stage.name for stage in run.stages if stage.name in shown]


def _get_rank(status: Status) -> int:
    """Return the position of a status in the order in which people look for logs. Stages that did not start have none."""
    has_log = status not in (Status.PENDING, Status.QUEUED, Status.SKIPPED)
    return WORST_FIRST.index(status) if has_log else len(WORST_FIRST)

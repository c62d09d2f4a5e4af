"""The pages of an action on the runs of a filtered list: its form, and how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from entrypoints.web.bulk.action import WORDS, BulkAction, BulkWords, list_actions
from entrypoints.web.bulk.progress import BulkProgress
from entrypoints.web.bulk.selection import MAX_RUNS, Selection
from entrypoints.web.view_models.formatting import StatusLabel, get_status_label, pluralize

LISTED: Final = 10
"""Runs, or sentences about runs, that a page lists; the others are below them, folded."""

_UNFILTERED: Final = {BulkAction.RETRY: "failed", BulkAction.CANCEL: "active"}


@dataclass(frozen=True, slots=True)
class ChosenRun:
    """A run of the form."""

    id: int
    name: str
    status: StatusLabel


@dataclass(frozen=True, slots=True)
class BulkForm:
    """The form. `note` says that there are more runs than the action takes at once."""

    title: str
    words: BulkWords
    first: Sequence[ChosenRun]
    others: Sequence[ChosenRun]
    more: str
    note: str
    asks_for_revision: bool


@dataclass(frozen=True, slots=True)
class BulkResult:
    """How far the action is. `left` is what the form that continues it sends."""

    title: str
    is_over: bool
    handled: int
    total: int
    summary: str
    first: Sequence[str]
    others: Sequence[str]
    more: str
    left: str
    progress: BulkProgress


@dataclass(frozen=True, slots=True)
class BulkLink:
    """A link from a list to the form of an action on its runs."""

    text: str
    href: str


def build_bulk_links(status: str, parameters: Mapping[str, object], origin: str = "") -> list[BulkLink]:
    """Return a link for each action that fits runs of a list with this filter by status; its URL keeps the filter."""
    query = urlencode({**parameters, **({"from": origin} if origin else {})})
    whom = "all" if status else ""
    return [
        BulkLink(f"{WORDS[action].verb} {whom or _UNFILTERED[action]}", f"{action.path}?{query}" if query else action.path)
        for action in list_actions(status)
    ]


def build_bulk_form(action: BulkAction, selection: Selection) -> BulkForm:
    """Return the form for the selected runs."""
    words, runs = WORDS[action], [ChosenRun(run.id, run.name, get_status_label(run.status)) for run in selection.runs]
    limit = f"More than {MAX_RUNS} runs match. These are the newest {MAX_RUNS}. Repeat for the others, or filter the list."
    return BulkForm(
        title=f"{words.verb} {pluralize(len(runs), 'run')}?" if runs else "No runs match",
        words=words,
        first=runs[:LISTED],
        others=runs[LISTED:],
        more=f"and {len(runs) - LISTED:,} more",
        note=limit if selection.has_more else "",
        asks_for_revision=action is BulkAction.RETRY,
    )


def build_bulk_result(action: BulkAction, progress: BulkProgress) -> BulkResult:
    """Return the page that shows the progress."""
    words, is_over, problems = WORDS[action], not progress.left, progress.problems
    done = f"{progress.done:,} {words.done}"
    refused = f", {len(problems):,} could not be {words.done}" if problems else ""
    return BulkResult(
        title=f"{pluralize(progress.done, 'run')} {words.done}" if is_over else f"{words.doing} {pluralize(progress.total, 'run')}",
        is_over=is_over,
        handled=progress.handled,
        total=progress.total,
        summary=f"{done}{refused}." if is_over else f"{progress.handled:,} of {progress.total:,}: {done}{refused}.",
        first=problems[:LISTED],
        others=problems[LISTED:],
        more=f"and {len(problems) - LISTED:,} more",
        left=",".join(map(str, progress.left)),
        progress=progress,
    )

"""The flow runs of stages of kind `prefect`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from application.queries.explain.flow_runs import describe_flow_run_state
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.pipelines.definition import OnCancel, StageKind
from domain.pipelines.parameter_references import resolve_parameters
from domain.runs.approval_values import merge_approval_values
from domain.runs.status import Status
from entrypoints.web.ansi import show_control_characters
from entrypoints.web.prefect_pages import PrefectPages
from entrypoints.web.view_models.formatting import shorten_json

MAX_PARAMETERS = 50
MAX_VALUE_LENGTH = 400
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class FlowRunItem:
    """A flow run of a stage. `href` is empty if it is not created, or Prefect's pages are unknown."""

    stage: str
    state: str
    href: str


@dataclass(frozen=True, slots=True)
class FlowRunSection:
    """The flow run of a stage's newest attempt. `why` says why it does not run; it is empty if it runs or has ended.

    `parameters` are the first of those that Prefect gets, `hidden_parameters` the number of the others.
    """

    deployment: str
    state: str
    pool: str
    href: str
    why: str
    parameters: Sequence[tuple[str, str]]
    hidden_parameters: int
    if_cancelled: str


def build_flow_run_items(run: RunView, prefect: PrefectPages) -> list[FlowRunItem]:
    """Return the flow runs of the stages' newest attempts."""
    newest = [(stage.name, stage.newest) for stage in run.stages]
    return [FlowRunItem(name, describe_state(attempt), link_flow_run(attempt, prefect)) for name, attempt in newest if attempt.flow_run]


def build_flow_run_section(run: RunView, stage: StageRunView, prefect: PrefectPages) -> FlowRunSection | None:
    """Return what is known of a stage's flow run; None for stages of other kinds."""
    if stage.kind != StageKind.PREFECT:
        return None
    newest = stage.newest
    values = list(resolve_parameters(stage.parameters or {}, {**run.parameters, **_collect_approval_values(run, stage)}).items())
    goes_on = "It continues in Prefect." if stage.on_cancel is OnCancel.LEAVE else "Prefect cancels it."
    return FlowRunSection(
        deployment=stage.deployment or "",
        state=describe_state(newest),
        pool=show_control_characters((newest.flow_run.pool if newest.flow_run else None) or ""),
        href=link_flow_run(newest, prefect),
        why=describe_flow_run_state(stage),
        parameters=[(name, show_control_characters(shorten_json(value, MAX_VALUE_LENGTH))) for name, value in values[:MAX_PARAMETERS]],
        hidden_parameters=max(0, len(values) - MAX_PARAMETERS),
        if_cancelled=goes_on,
    )


def describe_state(attempt: AttemptView) -> str:
    """Return the name of a flow run's state in words, such as "awaiting concurrency slot"."""
    flow_run = attempt.flow_run
    if flow_run is None:
        return "not requested"
    if flow_run.id is None:
        return "not created"
    return _WORDS.sub(" ", show_control_characters((flow_run.state_name or "created")[:100])).lower()


def link_flow_run(attempt: AttemptView, prefect: PrefectPages) -> str:
    """Return the URL of an attempt's flow run; empty without one."""
    flow_run = attempt.flow_run
    return prefect.link_flow_run(flow_run.id) if flow_run is not None and flow_run.id is not None else ""


def _collect_approval_values(run: RunView, stage: StageRunView) -> dict[str, Any]:
    completed = [each for each in run.stages if each.status is Status.COMPLETED]
    approved = {each.name: each.newest.output for each in completed if each.kind == StageKind.APPROVAL}
    return merge_approval_values(stage.name, {each.name: each.needs for each in run.stages}, approved)

"""Rows of the flow runs that runs request, cancel and forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.flow_runs.flow_run import FlowRunChange
from domain.runs.run import Run

_PARAMETERS = {FlowRunChange.CREATE: "created", FlowRunChange.CANCEL: "cancelled", FlowRunChange.FORGET: "forgotten"}


def to_flow_run_changes(runs: Sequence[Run]) -> dict[str, list[dict[str, Any]]]:
    """Return the parameters of SAVE_CHANGES."""
    rows: dict[str, list[dict[str, Any]]] = {parameter: [] for parameter in _PARAMETERS.values()}
    for run in runs:
        names = list(run.stages) if run.flow_run_changes else []
        for (position, number), change in run.flow_run_changes.items():
            rows[_PARAMETERS[change]].append({"run_id": run.id, "stage": names[position], "attempt": number})
    return rows | {"changed": rows["cancelled"] + rows["forgotten"]}

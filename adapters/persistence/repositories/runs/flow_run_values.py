"""Converts the flow run of an attempt to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.flow_runs.flow_run import FlowRun
from domain.flow_runs.flow_state import FlowState

_TEXTS = ("id", "state_name", "pool", "problem")


def to_flow_run_json(flow_run: FlowRun) -> dict[str, Any]:
    """Return the known values."""
    values: dict[str, Any] = {name: value for name in _TEXTS if (value := getattr(flow_run, name)) is not None}
    if flow_run.state is not None:
        values["state"] = flow_run.state.value
    return {"requested_at": flow_run.requested_at.isoformat()} | values


def parse_flow_run(stored: Mapping[str, Any] | None) -> FlowRun | None:
    if stored is None:
        return None
    state = stored.get("state")
    texts = {name: stored.get(name) for name in _TEXTS}
    return FlowRun(datetime.fromisoformat(stored["requested_at"]), state=FlowState(state) if state else None, **texts)

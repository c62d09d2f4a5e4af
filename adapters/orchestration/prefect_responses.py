"""Convert records of Prefect's REST API to the values of the deployments port.

Malformed records raise KeyError, TypeError, ValueError or AttributeError.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from application.ports.dispatch.deployments import Deployment, FlowLogLine
from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.reports.storable_values import cut_name, cut_text
from domain.text_validation import replace_unstorable

_STATES: Final = {state.value.upper(): state for state in FlowState}


def to_deployment(record: dict[str, Any], flow_name: str) -> Deployment:
    return Deployment(
        id=to_id(record["id"]),
        name=f"{flow_name}/{record['name']}",
        schema=record.get("parameter_openapi_schema") or None,
        defaults=dict(record.get("parameters") or {}),
        pool=record.get("work_pool_name"),
        description=record.get("description") or "",
        is_paused=bool(record.get("paused")),
        is_strict=bool(record.get("enforce_parameter_schema")),
    )


def to_observation(record: dict[str, Any]) -> FlowRunObservation:
    """A state of a type that this release does not know, and no state at all, count as scheduled: the flow run exists."""
    state = record.get("state") or {}
    message = state.get("message")
    name = record.get("state_name") or "Scheduled"
    return FlowRunObservation(
        state=to_flow_state(record),
        state_name=cut_name(replace_unstorable(name)),
        message=cut_text(replace_unstorable(message)) if message else None,
        pool=record.get("work_pool_name"),
        run_seconds=max(0.0, float(record.get("estimated_run_time") or 0.0)),
    )


def to_flow_state(record: dict[str, Any]) -> FlowState:
    return _STATES.get(record.get("state_type") or "", FlowState.SCHEDULED)


def to_log_line(record: dict[str, Any]) -> FlowLogLine:
    at = datetime.fromisoformat(record["timestamp"])
    if at.tzinfo is None:
        raise ValueError("the time has no zone")
    return FlowLogLine(to_id(record["id"]), at, int(record["level"]), replace_unstorable(record["message"]))


def to_id(value: object) -> str:
    return str(uuid.UUID(str(value)))


def is_id(text: str) -> bool:
    """Return True if the text can be an id of Prefect, which is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True

"""The last known state of a flow run, which is stored with it."""

import json
from dataclasses import dataclass, replace
from typing import Any

from domain.flow_runs.flow_run import FlowRun, FlowRunObservation
from domain.flow_runs.flow_state import FlowState


@dataclass(frozen=True, slots=True)
class SeenState:
    """A state of a flow run, and why it does not start. A run is changed only if this changes."""

    state: FlowState | None = None
    state_name: str | None = None
    pool: str | None = None
    problem: str | None = None

    @property
    def is_waiting(self) -> bool:
        """True if a worker of the pool has yet to take the flow run."""
        return self.state is FlowState.SCHEDULED

    def with_observation(self, observation: FlowRunObservation) -> "SeenState":
        """Return the state after an observation. The problem of the pool stays as long as the flow run waits for it."""
        pool = observation.pool or self.pool
        now = SeenState(observation.state, observation.state_name, pool, observation.problem)
        return replace(now, problem=self.problem) if now.is_waiting and now.problem is None else now


def get_seen_state(flow_run: FlowRun | None) -> SeenState:
    """Return what an attempt knows of its flow run."""
    return SeenState(flow_run.state, flow_run.state_name, flow_run.pool, flow_run.problem) if flow_run is not None else SeenState()


def format_seen_state(seen: SeenState) -> str:
    return json.dumps([seen.state, seen.state_name, seen.pool, seen.problem])


def parse_seen_state(text: str | None) -> SeenState:
    if text is None:
        return SeenState()
    values: list[Any] = json.loads(text)
    return SeenState(FlowState(values[0]) if values[0] else None, *values[1:])

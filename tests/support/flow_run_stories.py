"""What Prefect does with the flow run of a stage, applied to a stored run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.runs.run import Run
from domain.runs.run_flow_runs import note_problem, observe_flow_run, record_created
from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.run_stories import RunChange, end, start

if TYPE_CHECKING:
    from tests.support.in_process import InProcessHeadgate

FLOW_RUN: Final = "0b0f8d1e-6c0e-4b0c-9b43-3a9d1f6f2f10"
POOL: Final = "k8s"


def created(stage: str, at: datetime, flow_run_id: str = FLOW_RUN, attempt: int = 1) -> Callable[[Run], None]:
    """Return a change after which Prefect has created the flow run."""
    return lambda run: record_created(run, stage, attempt, flow_run_id, at)


def delayed(stage: str, problem: str, at: datetime, attempt: int = 1) -> Callable[[Run], None]:
    """Return a change after which the flow run is not created, or does not start, for this reason."""
    return lambda run: note_problem(run, stage, attempt, problem, at)


def observed(
    stage: str, state: FlowState, at: datetime, name: str | None = None, *, attempt: int = 1, **keys: Any
) -> Callable[[Run], None]:
    """Return a change after which Prefect gave this state for the flow run."""
    seen = FlowRunObservation(state, name or state.value.capitalize(), pool=keys.pop("pool", POOL), **keys)
    return lambda run: observe_flow_run(run, stage, attempt, seen, at)


OUTPUT: Final = {
    "result": {"rows": 327_346, "model": "delays-2026-11-28", "scores": [0.91, 0.87]},
    "artifacts": [
        {"key": "report", "type": "markdown", "description": "What the model learned", "data": "# Delays\n\n**327,346** flights"},
        {
            "key": "by-carrier",
            "type": "table",
            "description": None,
            "data": [{"carrier": name, "flights": 1_000 * number} for number, name in enumerate(("UA", "DL", "AA"), 1)],
        },
        {"key": "dashboard", "type": "markdown", "description": None, "data": "[Dashboard](https://example.com/delays)"},
        {"key": "trained", "type": "progress", "description": None, "data": 100.0},
        {"key": "curve", "type": "image", "description": None, "data": "javascript:alert(1)"},
    ],
    "left_out": ["The artifact raw-rows does not fit into 1,048,576 bytes."],
}


async def furnish_flow_runs(headgate: InProcessHeadgate) -> dict[str, int]:
    """Store a pipeline whose second stage runs a deployment, and a run of it in each state of its flow run. Return their ids by state."""
    train = {"deployment": "ml/train", "parameters": {"day": {"parameter": "day"}, "options": {"epochs": 5, "seed": 7}}, "timeout": 7_200}
    stages = [a_stage("load"), a_stage("train", "prefect", **train), a_stage("publish")]
    description = "Trains the delay model in Prefect"
    fields = {"day": {"type": "string", "format": "date"}, "epochs": {"type": "integer", "default": 5}}
    parameters = {"type": "object", "properties": fields}
    pipeline = await headgate.stories.add_pipeline("delay-model", stages, description=description, parameters=parameters)
    now = headgate.fakes.clock.now()
    begin = now - timedelta(seconds=90)
    running = observed("train", FlowState.RUNNING, now, run_seconds=62)
    states: dict[str, Sequence[RunChange]] = {
        "completed": (running, observed("train", FlowState.COMPLETED, now, output=OUTPUT)),
        "crashed": (running, observed("train", FlowState.CRASHED, now, message="Flow run process exited with status code -9.")),
        "queued": (observed("train", FlowState.SCHEDULED, now, "Late", problem="pool k8s has no worker"),),
        "paused": (running, observed("train", FlowState.PAUSED, now)),
        "cancelling": (running, lambda run: run.cancel(now, "mara")),
        "running": (running,),
    }
    found = {}
    for index, (state, changes) in enumerate(states.items(), 1):
        run_id = await headgate.stories.open_run(pipeline, begin, day="2026-11-28", epochs=5)
        flow_run = str(UUID(int=index))
        load = end("load", Status.COMPLETED, begin + timedelta(seconds=9), records=327_346)
        await headgate.stories.change_run(run_id, lambda run: start(run, begin), load, created("train", begin, flow_run), *changes)
        await headgate.stories.append_log(run_id, "train", [f"Epoch {epoch} of 5" for epoch in range(1, 4)], at=now - timedelta(seconds=30))
        found[state] = run_id
    return found

"""A Headgate on fakes that creates and follows flow runs, step by step."""

from __future__ import annotations

from typing import Any

from application.commands.runs.run_opener import TriggerCommand
from application.services.flow_runs.flow_run_ends import SETTLE_SECONDS
from application.services.flow_runs.flow_run_follower import POLL_SECONDS
from domain.access.actor import Actor
from domain.flow_runs.flow_run import FlowRun
from domain.flow_runs.flow_state import FlowState
from domain.runs.attempt import Attempt
from domain.runs.run import Run
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from tests.fakes import FakeAdapters
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.support.in_process import InProcessHeadgate

DEPLOYMENT = "ml/train"
MARA = Actor("mara")


def a_prefect_stage(name: str = "train", **keys: Any) -> dict[str, Any]:
    return {"name": name, "kind": "prefect", "deployment": DEPLOYMENT, "needs": [], **keys}


class FlowRunHeadgate(InProcessHeadgate):
    """A Headgate beside a small Prefect that has the deployment DEPLOYMENT."""

    def __init__(self, fakes: FakeAdapters | None = None, **settings: Any) -> None:
        super().__init__(fakes=fakes, **settings)
        if fakes is None:
            self.prefect.add(DEPLOYMENT)

    @property
    def prefect(self) -> FakeDeployments:
        return self.fakes.deployments

    def start_second_web(self) -> FlowRunHeadgate:
        """Return another web process on the same store, clock and Prefect."""
        return FlowRunHeadgate(self.fakes.as_other_process())

    async def start(self, *stages: dict[str, Any], parameters: Any = None, schema: Any = None, **keys: Any) -> int:
        """Store a pipeline of these stages, by default one of kind `prefect`, and trigger a run of it. Return the run's id."""
        count = len(self.fakes.store.committed.pipelines)
        keys |= {"parameters": schema} if schema is not None else {}
        await self.use_cases.create_pipeline(stages or [a_prefect_stage()], f"pipeline-{count}", **keys)
        return await self.trigger(f"pipeline-{count}", parameters)

    async def trigger(self, pipeline: str, parameters: Any = None) -> int:
        command = TriggerCommand(pipeline, parameters or {}, Trigger("api", "mara"), actor=MARA)
        return int((await self.application.trigger_pipeline()(command)).run_id)

    async def submit(self) -> None:
        await self.application.flow_run_submitter().run_once()

    async def follow(self, seconds: float = POLL_SECONDS) -> None:
        """Let time pass, and follow the flow runs once."""
        self.fakes.clock.advance(seconds)
        await self.application.flow_run_follower().run_once()

    async def follow_for(self, seconds: float) -> None:
        for _ in range(int(seconds / POLL_SECONDS)):
            await self.follow()

    async def end(self, run_id: int, state: FlowState, stage: str = "train", **keys: Any) -> None:
        """End the flow run of a stage in Prefect, and let the web process see it."""
        self.prefect.set_state(self.get_flow_run_id(run_id, stage), state, **keys)
        await self.follow()
        await self.follow(SETTLE_SECONDS)

    async def start_followed(self, *stages: dict[str, Any], **keys: Any) -> int:
        """Return a run whose flow runs are created."""
        run_id = await self.start(*stages, **keys)
        await self.submit()
        return run_id

    async def sweep(self) -> None:
        """Enforce the deadlines that have passed."""
        await self.sweep_due_runs(31)

    def get_run(self, run_id: int) -> Run:
        return self.fakes.store.committed.runs[run_id]

    def get_attempt(self, run_id: int, stage: str = "train") -> Attempt:
        return self.get_run(run_id).get_stage(stage).current

    def get_flow_run(self, run_id: int, stage: str = "train") -> FlowRun:
        flow_run = self.get_attempt(run_id, stage).flow_run
        assert flow_run is not None
        return flow_run

    def get_flow_run_id(self, run_id: int, stage: str = "train") -> str:
        flow_run_id = self.get_flow_run(run_id, stage).id
        assert flow_run_id is not None
        return flow_run_id

    def get_status(self, run_id: int, stage: str = "train") -> Status:
        return self.get_attempt(run_id, stage).status

    def get_state(self, run_id: int, stage: str = "train") -> FlowState:
        """Return the state of the stage's flow run in Prefect."""
        return self.prefect.flow_runs[self.get_flow_run_id(run_id, stage)].seen.state

    def get_log(self, run_id: int) -> list[str]:
        return [line.text for (run, _), line in sorted(self.fakes.store.committed.log_lines.items()) if run == run_id]

    @property
    def followed(self) -> int:
        """The number of flow runs that are requested or followed."""
        return len(self.fakes.store.committed.flow_runs)

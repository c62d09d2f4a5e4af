"""Ends attempts whose flow runs have ended, once their output and their log are read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from application.ports.dispatch.deployments import Deployments
from application.ports.persistence.flow_runs import FlowRunRef, FollowedFlowRun
from application.ports.system.clock import Clock
from application.services.flow_runs.flow_log_importer import FlowLogImporter
from application.services.flow_runs.flow_run_changes import FlowRunChanges
from domain.errors import Unavailable
from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState

SETTLE_SECONDS: Final = 1.0
"""How long the last messages of a flow run may take to reach Prefect after its end."""
READ_SECONDS: Final = 20.0
"""The longest time in which the output and the log of a flow run are read."""
MAX_TRIES: Final = 15
RETRY_SECONDS: Final = 2.0


@dataclass(slots=True)
class _End:
    """A flow run that has ended, and when to read its output and its log next."""

    followed: FollowedFlowRun
    observation: FlowRunObservation
    due_at: datetime
    tries: int = 0


class FlowRunEnds:
    """The flow runs of which this process has seen the end. Another process that sees it too ends the attempt, or finds that it is over."""

    def __init__(self, deployments: Deployments, clock: Clock, importer: FlowLogImporter, changes: FlowRunChanges) -> None:
        self._deployments = deployments
        self._clock = clock
        self._importer = importer
        self._changes = changes
        self._ends: dict[FlowRunRef, _End] = {}

    def has(self, ref: FlowRunRef) -> bool:
        return ref in self._ends

    def add(self, followed: FollowedFlowRun, observation: FlowRunObservation) -> None:
        """End the attempt after SETTLE_SECONDS."""
        due_at = self._clock.now() + timedelta(seconds=SETTLE_SECONDS)
        self._ends.setdefault(followed.ref, _End(followed, observation, due_at))

    def clear(self) -> None:
        self._ends.clear()

    def list_due(self) -> Sequence[FlowRunRef]:
        """Return the ends that are due."""
        now = self._clock.now()
        return [ref for ref, end in self._ends.items() if end.due_at <= now]

    def get_delay(self) -> float:
        """Return the seconds until the next end is due; infinity if there is none."""
        now = self._clock.now()
        return min((max(0.0, (end.due_at - now).total_seconds()) for end in self._ends.values()), default=float("inf"))

    async def process(self, ref: FlowRunRef) -> None:
        """Read what the flow run has left, and end its attempt. After MAX_TRIES, end it with what was read."""
        end = self._ends[ref]
        end.tries += 1
        end.due_at = self._clock.now() + timedelta(seconds=RETRY_SECONDS)
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._importer.copy_rest(ref, end.followed.flow_run_id)
                observation = await self._read_output(end)
        except Exception as error:
            if end.tries < MAX_TRIES:
                if isinstance(error, (Unavailable, TimeoutError)):
                    return
                raise
            observation = replace(end.observation, problem="Prefect did not return all of its log and output")
        await self._changes.end(end.followed, observation)
        del self._ends[ref]

    async def _read_output(self, end: _End) -> FlowRunObservation:
        if end.observation.state is not FlowState.COMPLETED:
            return end.observation
        return replace(end.observation, output=await self._deployments.read_output(end.followed.flow_run_id))

"""An engine that stores flow runs in memory, and can be down or lose them."""

from collections.abc import Mapping, Sequence

from application.ports.dispatch.orchestrator import FlowRunRejected, FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState


class FakeOrchestrator:
    """With `is_down`, all calls raise Unavailable.

    `refused` holds the names of flow runs that it rejects, `requests` the request of each flow run that it created, `states` their
    states.
    """

    def __init__(self) -> None:
        self.is_down = False
        self.refused: set[str] = set()
        self.requests: dict[str, FlowRunRequest] = {}
        self.messages: dict[str, list[str]] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self.states: dict[str, FlowState] = {}

    async def create_flow_run(self, request: FlowRunRequest) -> str:
        self._require_up()
        if request.name in self.refused:
            raise FlowRunRejected(f"Prefect answered 422: {request.name} is not accepted.")
        known = self._ids.get((request.pool, request.key))
        if known is not None and known in self.states:
            return known
        flow_run_id = f"flow-run-{len(self.requests) + 1}"
        self._ids[request.pool, request.key] = flow_run_id
        self.states[flow_run_id] = request.state or FlowState.PENDING
        self.requests[flow_run_id] = request
        return flow_run_id

    async def get_states(self, flow_run_ids: Sequence[str]) -> Mapping[str, FlowState]:
        self._require_up()
        return {flow_run_id: self.states[flow_run_id] for flow_run_id in flow_run_ids if flow_run_id in self.states}

    async def set_state(self, flow_run_id: str, state: FlowState, message: str) -> None:
        self._require_up()
        if flow_run_id in self.states:
            self.states[flow_run_id] = state
            self.messages.setdefault(flow_run_id, []).append(message)

    async def is_healthy(self) -> bool:
        return not self.is_down

    def lose(self, flow_run_id: str) -> None:
        """Delete the flow run, as a user of Prefect can."""
        del self.states[flow_run_id]

    def _require_up(self) -> None:
        if self.is_down:
            raise Unavailable("Prefect does not respond.")

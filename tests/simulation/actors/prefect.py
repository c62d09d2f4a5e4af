"""A Prefect server with faults: slow, unavailable, or with flow runs that were cancelled, deleted or lost."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from random import Random
from typing import Final

from application.ports.dispatch.orchestrator import FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from tests.fakes.dispatch.orchestrator import FakeOrchestrator
from tests.simulation.runtime.process import CURRENT, Process

_IS_RECORDER: Final = ContextVar("_IS_RECORDER", default=False)


class RelayProcess:
    """Marks the processes that relay the outbox. Two of them must never deliver the same row at once."""


@contextmanager
def recording_for_worker() -> Iterator[None]:
    """Do not count the calls inside as a relay's: a web may record a dispatch for its worker while a relay delivers it, by the same key."""
    token = _IS_RECORDER.set(True)
    try:
        yield
    finally:
        _IS_RECORDER.reset(token)


class SimulatedPrefect(FakeOrchestrator):
    """Every call takes time. `lost_answers` is the chance that a call succeeds but its caller gets no answer.

    `max_concurrent_creates` counts, per key, how many relays were creating its flow run at the same time.
    """

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self.lost_answers = 0.0
        self.creating: dict[str, list[Process | None]] = {}
        self.max_concurrent_creates: dict[str, int] = {}

    async def create_flow_run(self, request: FlowRunRequest) -> str:
        key, relay = request.key, None if _IS_RECORDER.get() else CURRENT.get()
        others = self.creating.setdefault(key, [])
        others.append(relay)
        self.max_concurrent_creates[key] = max(
            self.max_concurrent_creates.get(key, 0), len({id(other) for other in others if isinstance(other, RelayProcess)})
        )
        try:
            await self._delay_request()
            flow_run_id = await super().create_flow_run(request)
            await self._answer()
            return flow_run_id
        finally:
            others.remove(relay)

    async def get_states(self, flow_run_ids: Sequence[str]) -> Mapping[str, FlowState]:
        await self._delay_request()
        found = await super().get_states(flow_run_ids)
        await self._answer()
        return found

    async def set_state(self, flow_run_id: str, state: FlowState, message: str) -> None:
        await self._delay_request()
        await super().set_state(flow_run_id, state, message)
        await self._answer()

    async def begin(self, flow_run_id: str) -> bool:
        """Start a pending flow run. Return whether it was pending."""
        await self._delay_request()
        self._require_up()
        if self.states.get(flow_run_id) is not FlowState.PENDING:
            return False
        self.states[flow_run_id] = FlowState.RUNNING
        return True

    async def finish(self, flow_run_id: str, state: FlowState) -> None:
        """Set the final state of a flow run, unless it has one already."""
        await self._delay_request()
        self._require_up()
        current = self.states.get(flow_run_id)
        if current is not None and not current.is_terminal:
            self.states[flow_run_id] = state

    def pending(self, pool: str) -> list[str]:
        """Return the pending flow runs of a pool."""
        if self.is_down:
            return []
        return [id for id, request in self.requests.items() if request.pool == pool and self.states.get(id) is FlowState.PENDING]

    def list_states(self) -> dict[str, FlowState]:
        """Return the state of every flow run."""
        return dict(self.states)

    def cancel_by_hand(self, flow_run_id: str) -> None:
        if self.states[flow_run_id] is FlowState.PENDING:
            self.states[flow_run_id] = FlowState.CANCELLED
        elif not self.states[flow_run_id].is_terminal:
            self.states[flow_run_id] = FlowState.CANCELLING

    def force(self, flow_run_id: str, state: FlowState) -> None:
        """Set a state as Prefect itself would, for example Crashed."""
        if flow_run_id in self.states and not self.states[flow_run_id].is_terminal:
            self.states[flow_run_id] = state

    def lose_all_flow_runs(self) -> None:
        """Forget all flow runs and idempotency keys, as with a new database."""
        self.states.clear()
        self._ids.clear()

    async def _delay_request(self) -> None:
        await asyncio.sleep(0.005 + 0.02 * self._random.random())

    async def _answer(self) -> None:
        if self.lost_answers and self._random.random() < self.lost_answers:
            raise Unavailable("Prefect's answer was lost.")
        self._require_up()

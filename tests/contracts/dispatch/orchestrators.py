"""The engines that the orchestrator's contract runs against, under one handle."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from application.ports.dispatch.orchestrator import Orchestrator
from tests.fakes import FakeOrchestrator


@dataclass(frozen=True, slots=True)
class EngineUnderTest:
    """`unreachable` speaks to an engine that is not there. `delete` removes a flow run behind the orchestrator's back."""

    orchestrator: Orchestrator
    unreachable: Orchestrator
    delete: Callable[[str], Awaitable[None]]


@asynccontextmanager
async def a_fake_engine() -> AsyncIterator[EngineUnderTest]:
    orchestrator, unreachable = FakeOrchestrator(), FakeOrchestrator()
    unreachable.is_down = True

    async def delete(flow_run_id: str) -> None:
        orchestrator.lose(flow_run_id)

    yield EngineUnderTest(orchestrator, unreachable, delete)

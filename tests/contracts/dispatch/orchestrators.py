"""The engines that the orchestrator's contract runs against."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from application.ports.dispatch.orchestrator import Orchestrator
from tests.fakes import FakeOrchestrator


@dataclass(frozen=True, slots=True)
class EngineUnderTest:
    """`unreachable` is an orchestrator without an engine. `delete` removes a flow run from the engine directly."""

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

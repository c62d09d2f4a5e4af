"""The ports in memory, module for module as in `application/ports`. They keep the promises of the real ones, refusals included."""

from tests.fakes.adapters import FakeAdapters
from tests.fakes.change_feed import FakeChangeFeed
from tests.fakes.clock import FakeClock
from tests.fakes.links import FakeWorkerStreams
from tests.fakes.orchestrator import FakeOrchestrator
from tests.fakes.parameters import FakeParameterSchemas
from tests.fakes.persistence import FakeStore, FakeUnitOfWork
from tests.fakes.readers import FakeReader
from tests.fakes.run_announcements import FakeEventSink
from tests.fakes.tokens import FakeExecutionTokens
from tests.fakes.wakeups import FakeWakeups

__all__ = [
    "FakeAdapters",
    "FakeEventSink",
    "FakeChangeFeed",
    "FakeClock",
    "FakeWorkerStreams",
    "FakeOrchestrator",
    "FakeParameterSchemas",
    "FakeReader",
    "FakeStore",
    "FakeExecutionTokens",
    "FakeUnitOfWork",
    "FakeWakeups",
]

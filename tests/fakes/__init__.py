"""In-memory implementations of the ports, with the module names of `application/ports`. They fail where the real ones fail."""

from tests.fakes.access.execution_tokens import FakeExecutionTokens
from tests.fakes.adapters import FakeAdapters
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.fakes.dispatch.orchestrator import FakeOrchestrator
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.fakes.dispatch.worker_streams import FakeWorkerStreams
from tests.fakes.persistence import FakeStore, FakeUnitOfWork
from tests.fakes.queries.change_feed import FakeChangeFeed
from tests.fakes.queries.reader import FakeReader
from tests.fakes.system.clock import FakeClock
from tests.fakes.system.cron_expressions import FakeCronExpressions
from tests.fakes.system.parameter_schemas import FakeParameterSchemas
from tests.fakes.telemetry.event_sinks import FakeEventSink

__all__ = [
    "FakeAdapters",
    "FakeChangeFeed",
    "FakeClock",
    "FakeCronExpressions",
    "FakeDeployments",
    "FakeEventSink",
    "FakeExecutionTokens",
    "FakeOrchestrator",
    "FakeParameterSchemas",
    "FakeReader",
    "FakeStore",
    "FakeUnitOfWork",
    "FakeWakeups",
    "FakeWorkerStreams",
]

"""Every fake, wired together around one store and one clock."""

from application.ports.change_feed import ChangeFeed
from application.ports.clock import Clock
from application.ports.links import WorkerLinks
from application.ports.orchestrator import Orchestrator
from application.ports.parameters import ParameterSchemas
from application.ports.persistence import OpenUnitOfWork
from application.ports.readers import Reader
from application.ports.telemetry import Telemetry
from application.ports.tokens import Tokens
from application.ports.vitals import Vitals
from application.ports.wakeups import Wakeups
from tests.fakes.change_feed import FakeChangeFeed
from tests.fakes.clock import FakeClock
from tests.fakes.links import FakeLinks
from tests.fakes.orchestrator import FakeOrchestrator
from tests.fakes.parameters import FakeParameterSchemas
from tests.fakes.persistence import FakeStore, FakeUnitOfWork
from tests.fakes.readers import FakeReader
from tests.fakes.telemetry import FakeTelemetry
from tests.fakes.tokens import FakeTokens
from tests.fakes.vitals import FakeVitals
from tests.fakes.wakeups import FakeWakeups


class FakeAdapters:
    """What the use cases stand on. `beside` gives a second process over the same store, clock and engine."""

    def __init__(
        self, clock: FakeClock | None = None, store: FakeStore | None = None, orchestrator: FakeOrchestrator | None = None
    ) -> None:
        self.clock = clock or FakeClock()
        self.store = store or FakeStore(self.clock)
        self.orchestrator = orchestrator or FakeOrchestrator()
        self.links = FakeLinks()
        self.wakeups = FakeWakeups()
        self.tokens = FakeTokens()
        self.schemas = FakeParameterSchemas()
        self.telemetry = FakeTelemetry()
        self.vitals = FakeVitals()
        self.reader = FakeReader(self.store)
        self.change_feed = FakeChangeFeed(self.store)

    def beside(self) -> "FakeAdapters":
        return FakeAdapters(self.clock, self.store, self.orchestrator)

    def open_unit_of_work(self) -> FakeUnitOfWork:
        return self.store.open_unit_of_work()


def as_ports(
    adapters: FakeAdapters,
) -> tuple[Clock, OpenUnitOfWork, Reader, ChangeFeed, Orchestrator, WorkerLinks, Tokens, ParameterSchemas, Wakeups, Telemetry, Vitals]:
    """The same objects as the ports they stand in for: the type checker holds each to its port here."""
    return (
        adapters.clock,
        adapters.open_unit_of_work,
        adapters.reader,
        adapters.change_feed,
        adapters.orchestrator,
        adapters.links,
        adapters.tokens,
        adapters.schemas,
        adapters.wakeups,
        adapters.telemetry,
        adapters.vitals,
    )

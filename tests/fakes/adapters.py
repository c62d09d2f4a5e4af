"""Every fake, wired together around one store and one clock."""

from typing import Any

from dependency_injector import containers, providers

from application.ports.change_feed import ChangeFeed
from application.ports.clock import Clock
from application.ports.credentials import Attempts, Credentials, IdentityProvider, Passwords
from application.ports.disk_space import DiskSpace
from application.ports.links import WorkerLinks
from application.ports.orchestrator import Orchestrator
from application.ports.parameters import ParameterSchemas
from application.ports.persistence import OpenUnitOfWork
from application.ports.readers import Reader
from application.ports.retention import Retention
from application.ports.run_announcements import Audience
from application.ports.telemetry import Telemetry
from application.ports.tokens import Tokens
from application.ports.vitals import Vitals
from application.ports.wakeups import Wakeups
from tests.fakes.change_feed import FakeChangeFeed
from tests.fakes.clock import FakeClock
from tests.fakes.credentials import FakeAttempts, FakeCredentials, FakeIdentityProvider, FakePasswords
from tests.fakes.disk_space import FakeDiskSpace
from tests.fakes.links import FakeLinks
from tests.fakes.orchestrator import FakeOrchestrator
from tests.fakes.parameters import FakeParameterSchemas
from tests.fakes.persistence import FakeStore, FakeUnitOfWork
from tests.fakes.readers import FakeReader
from tests.fakes.retention import FakeRetention
from tests.fakes.run_announcements import FakeAudience
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
        self.retention = FakeRetention(self.store)
        self.disk_space = FakeDiskSpace()
        self.audience = FakeAudience()
        self.credentials = FakeCredentials()
        self.passwords = FakePasswords()
        self.attempts = FakeAttempts()
        self.identity_provider = FakeIdentityProvider()

    def beside(self) -> "FakeAdapters":
        return FakeAdapters(self.clock, self.store, self.orchestrator)

    def open_unit_of_work(self) -> FakeUnitOfWork:
        return self.store.open_unit_of_work()


def a_container(fakes: FakeAdapters, **instead: Any) -> Any:
    """The fakes as the container of adapters that an Application takes; `instead` names ports that another object implements."""
    ports = {
        "installation": "installation-1",
        "open_unit_of_work": fakes.open_unit_of_work,
        "reader": fakes.reader,
        "change_feed": fakes.change_feed,
        "orchestrator": fakes.orchestrator,
        "links": fakes.links,
        "tokens": fakes.tokens,
        "schemas": fakes.schemas,
        "clock": fakes.clock,
        "retention": fakes.retention,
        "disk_space": fakes.disk_space,
        "vitals": fakes.vitals,
        "credentials": fakes.credentials,
        "passwords": fakes.passwords,
        "attempts": fakes.attempts,
        "identity_provider": fakes.identity_provider,
    } | instead
    container = containers.DynamicContainer()
    for name, port in ports.items():
        setattr(container, name, providers.Object(port))
    return container


def as_ports(
    adapters: FakeAdapters,
) -> tuple[
    Clock,
    OpenUnitOfWork,
    Reader,
    ChangeFeed,
    Orchestrator,
    WorkerLinks,
    Tokens,
    ParameterSchemas,
    Wakeups,
    Retention,
    DiskSpace,
    Audience,
    Telemetry,
    Vitals,
    Credentials,
    Passwords,
    Attempts,
    IdentityProvider,
]:
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
        adapters.retention,
        adapters.disk_space,
        adapters.audience,
        adapters.telemetry,
        adapters.vitals,
        adapters.credentials,
        adapters.passwords,
        adapters.attempts,
        adapters.identity_provider,
    )

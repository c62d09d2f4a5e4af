"""All fakes, built on one store and one clock."""

from typing import Any

from dependency_injector import containers, providers

from application.ports.access.action_tokens import ActionTokens
from application.ports.access.credentials import Credentials
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.access.identity_provider import IdentityProvider
from application.ports.access.password_hasher import PasswordHasher
from application.ports.access.sign_in_limiter import SignInLimiter
from application.ports.delivery.channel_sender import ChannelSender
from application.ports.delivery.channel_settings import ChannelSettings
from application.ports.delivery.outgoing_http import OutgoingHttp
from application.ports.delivery.page_urls import PageUrls
from application.ports.dispatch.deployments import Deployments
from application.ports.dispatch.orchestrator import Orchestrator
from application.ports.dispatch.wakeups import Wakeups
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.persistence.pipeline_removal import PipelineRemoval
from application.ports.persistence.retention import Retention
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.change_feed import ChangeFeed
from application.ports.queries.health_metrics import HealthMetricsReader
from application.ports.queries.reader import Reader
from application.ports.system.clock import Clock
from application.ports.system.cron_expressions import CronExpressions
from application.ports.system.disk_space import DiskSpace
from application.ports.system.parameter_schemas import ParameterSchemas
from application.ports.telemetry.event_sinks import EventSink
from application.ports.telemetry.telemetry import Telemetry
from tests.fakes.access.action_tokens import FakeActionTokens
from tests.fakes.access.credentials import FakeCredentials
from tests.fakes.access.execution_tokens import FakeExecutionTokens
from tests.fakes.access.identity_provider import FakeIdentityProvider
from tests.fakes.access.password_hasher import FakePasswordHasher
from tests.fakes.access.sign_in_limiter import FakeSignInLimiter
from tests.fakes.delivery.channel_sender import FakeChannelSender
from tests.fakes.delivery.channel_settings import FakeChannelSettings
from tests.fakes.delivery.outgoing_http import FakeOutgoingHttp
from tests.fakes.delivery.page_urls import FakePageUrls
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.fakes.dispatch.orchestrator import FakeOrchestrator
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.fakes.dispatch.worker_streams import FakeWorkerStreams
from tests.fakes.persistence import FakeStore, FakeUnitOfWork
from tests.fakes.persistence.pipeline_removal import FakePipelineRemoval
from tests.fakes.persistence.retention import FakeRetention
from tests.fakes.queries.change_feed import FakeChangeFeed
from tests.fakes.queries.health_metrics import FakeHealthMetricsReader
from tests.fakes.queries.reader import FakeReader
from tests.fakes.system.clock import FakeClock
from tests.fakes.system.cron_expressions import FakeCronExpressions
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.fakes.system.parameter_schemas import FakeParameterSchemas
from tests.fakes.telemetry.event_sinks import FakeEventSink
from tests.fakes.telemetry.telemetry import FakeTelemetry


class FakeAdapters:
    """The adapters of one process. `as_other_process` returns those of a second one on the same store, clock and engine."""

    def __init__(
        self,
        clock: FakeClock | None = None,
        store: FakeStore | None = None,
        orchestrator: FakeOrchestrator | None = None,
        deployments: FakeDeployments | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.store = store or FakeStore(self.clock)
        self.orchestrator = orchestrator or FakeOrchestrator()
        self.deployments = deployments or FakeDeployments(self.clock)
        self.worker_streams = FakeWorkerStreams()
        self.wakeups = FakeWakeups()
        self.tokens = FakeExecutionTokens()
        self.action_tokens = FakeActionTokens()
        self.page_urls = FakePageUrls()
        self.schemas = FakeParameterSchemas()
        self.cron_expressions = FakeCronExpressions()
        self.telemetry = FakeTelemetry()
        self.health_metrics = FakeHealthMetricsReader()
        self.reader = FakeReader(self.store)
        self.change_feed = FakeChangeFeed(self.store)
        self.retention = FakeRetention(self.store)
        self.pipeline_removal = FakePipelineRemoval(self.store)
        self.disk_space = FakeDiskSpace()
        self.event_sink = FakeEventSink()
        self.credentials = FakeCredentials()
        self.passwords = FakePasswordHasher()
        self.sign_in_limiter = FakeSignInLimiter()
        self.identity_provider = FakeIdentityProvider()
        self.outgoing_http = FakeOutgoingHttp()
        self.channel_settings = FakeChannelSettings()
        self.channel_sender = FakeChannelSender()

    def as_other_process(self) -> "FakeAdapters":
        return FakeAdapters(self.clock, self.store, self.orchestrator, self.deployments)

    def open_unit_of_work(self) -> FakeUnitOfWork:
        return self.store.open_unit_of_work()


def a_container(fakes: FakeAdapters, **overrides: Any) -> Any:
    """Return the fakes as the adapter container of an Application. `overrides` replace ports by name."""
    ports = {
        "installation": "installation-1",
        "open_unit_of_work": fakes.open_unit_of_work,
        "reader": fakes.reader,
        "change_feed": fakes.change_feed,
        "orchestrator": fakes.orchestrator,
        "deployments": fakes.deployments,
        "worker_streams": fakes.worker_streams,
        "tokens": fakes.tokens,
        "action_tokens": fakes.action_tokens,
        "page_urls": fakes.page_urls,
        "schemas": fakes.schemas,
        "cron_expressions": fakes.cron_expressions,
        "clock": fakes.clock,
        "retention": fakes.retention,
        "pipeline_removal": fakes.pipeline_removal,
        "disk_space": fakes.disk_space,
        "health_metrics": fakes.health_metrics,
        "credentials": fakes.credentials,
        "passwords": fakes.passwords,
        "sign_in_limiter": fakes.sign_in_limiter,
        "identity_provider": fakes.identity_provider,
        "outgoing_http": fakes.outgoing_http,
        "channel_settings": fakes.channel_settings,
        "channel_sender": fakes.channel_sender,
        "event_sinks": [fakes.event_sink],
    } | overrides
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
    Deployments,
    WorkerStreams,
    ExecutionTokens,
    ActionTokens,
    PageUrls,
    ParameterSchemas,
    CronExpressions,
    Wakeups,
    Retention,
    PipelineRemoval,
    DiskSpace,
    EventSink,
    Telemetry,
    HealthMetricsReader,
    Credentials,
    PasswordHasher,
    SignInLimiter,
    IdentityProvider,
    OutgoingHttp,
    ChannelSettings,
    ChannelSender,
]:
    """Return the fakes as the ports they implement, so that mypy compares each with its protocol."""
    return (
        adapters.clock,
        adapters.open_unit_of_work,
        adapters.reader,
        adapters.change_feed,
        adapters.orchestrator,
        adapters.deployments,
        adapters.worker_streams,
        adapters.tokens,
        adapters.action_tokens,
        adapters.page_urls,
        adapters.schemas,
        adapters.cron_expressions,
        adapters.wakeups,
        adapters.retention,
        adapters.pipeline_removal,
        adapters.disk_space,
        adapters.event_sink,
        adapters.telemetry,
        adapters.health_metrics,
        adapters.credentials,
        adapters.passwords,
        adapters.sign_in_limiter,
        adapters.identity_provider,
        adapters.outgoing_http,
        adapters.channel_settings,
        adapters.channel_sender,
    )

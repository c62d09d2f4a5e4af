"""One Headgate that sends its telemetry to Datadog's test agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.datadog_agent import DatadogTestAgent, MetricsListener
from tests.support.running_headgate import Headgate, temporary_headgate
from tests.system.telemetry.secret_canary import CANARY, an_echo_server


@pytest.fixture(scope="package")
def metrics() -> Iterator[MetricsListener]:
    metrics = MetricsListener()
    yield metrics
    metrics.end()


@pytest.fixture(scope="package")
def agent(tmp_path_factory: pytest.TempPathFactory, metrics: MetricsListener) -> Iterator[DatadogTestAgent]:
    agent = DatadogTestAgent(Path(tmp_path_factory.mktemp("agent")), metrics)
    try:
        yield agent.start()
    finally:
        agent.end()


@pytest.fixture(scope="package")
def echo() -> Iterator[int]:
    """Return the port of a server that responds with the Authorization header that it received."""
    with an_echo_server() as port:
        yield port


@pytest.fixture(scope="package")
def observed_headgate(agent: DatadogTestAgent, echo: int) -> Iterator[Headgate]:
    """Start a Headgate whose worker has the secret `CANARY` and whose http stages may call the echo server."""
    wanted = {"HEADGATE_DD_SITE": "datadoghq.eu", "HEADGATE_FORWARD_STAGE_LOGS": "true"}
    wanted |= {"HEADGATE_SECRET_CANARY": CANARY, "HEADGATE_HTTP_ALLOW": "127.0.0.1/32", "HEADGATE_HTTP_PORTS": str(echo)}
    with temporary_headgate(**agent.environment, **wanted) as headgate:
        yield headgate.start()

"""One Headgate that tells a real test agent everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.datadog_agent import AnAgent, Figures
from tests.support.running_headgate import Headgate, temporary_headgate
from tests.system.telemetry.secret_canary import CANARY, an_echo


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    figures = Figures()
    yield figures
    figures.end()


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory, figures: Figures) -> Iterator[AnAgent]:
    agent = AnAgent(Path(tmp_path_factory.mktemp("agent")), figures)
    try:
        yield agent.start()
    finally:
        agent.end()


@pytest.fixture(scope="session")
def echo() -> Iterator[int]:
    """The port of a server on loopback that answers with what it was sent."""
    with an_echo() as port:
        yield port


@pytest.fixture(scope="session")
def observed_headgate(agent: AnAgent, echo: int) -> Iterator[Headgate]:
    """Its worker keeps the secret `CANARY`, and its http stages reach the echo."""
    wanted = {"HEADGATE_DD_SITE": "datadoghq.eu", "HEADGATE_FORWARD_STAGE_LOGS": "true"}
    wanted |= {"HEADGATE_SECRET_CANARY": CANARY, "HEADGATE_HTTP_ALLOW": "127.0.0.1/32", "HEADGATE_HTTP_PORTS": str(echo)}
    with temporary_headgate(**agent.environment, **wanted) as headgate:
        yield headgate.start()

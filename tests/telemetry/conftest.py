"""One Headgate that tells a real test agent everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.headgate import Headgate, a_headgate
from tests.telemetry.agent import AnAgent, Figures


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
def observed_headgate(agent: AnAgent) -> Iterator[Headgate]:
    wanted = {"HEADGATE_DD_SITE": "datadoghq.eu", "HEADGATE_FORWARD_STAGE_LOGS": "true"}
    with a_headgate(**agent.environment, **wanted) as headgate:
        yield headgate.start()

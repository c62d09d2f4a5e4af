"""One Prefect server for the contract of deployments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.contracts.dispatch.prefects import FakePrefect, PrefectUnderTest, a_real_prefect
from tests.support.prefect_server import RunningPrefect, a_prefect_server


@pytest.fixture(scope="module")
def prefect_server(postgres: EmbeddedPostgres) -> Iterator[RunningPrefect]:
    """A real Prefect server for the tests of this module. It takes 7 to 25 s to start."""
    with a_prefect_server(postgres) as running:
        yield running


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def server(request: pytest.FixtureRequest) -> RunningPrefect | None:
    """The real server, None for the fake one."""
    return None if request.param == "fake" else request.getfixturevalue("prefect_server")


@pytest.fixture
async def prefect(server: RunningPrefect | None) -> AsyncIterator[PrefectUnderTest]:
    if server is None:
        yield FakePrefect()
        return
    async with a_real_prefect(server) as real:
        yield real

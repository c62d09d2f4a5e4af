"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.prefect_server import RunningPrefect, a_prefect_server


@pytest.fixture(scope="session")
def prefect(postgres: EmbeddedPostgres) -> Iterator[RunningPrefect]:
    """The one real Prefect server of the session. It takes 7 to 25 s to start."""
    with a_prefect_server(postgres) as running:
        yield running

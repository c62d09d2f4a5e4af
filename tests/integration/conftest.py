"""What the integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.prefect_server import RunningPrefect, a_prefect_server


@pytest.fixture(scope="session")
def prefect(postgres: EmbeddedPostgres) -> Iterator[RunningPrefect]:
    """A real Prefect server, one for the whole session: it takes 7 to 25 s to boot."""
    with a_prefect_server(postgres) as running:
        yield running

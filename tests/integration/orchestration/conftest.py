"""Share one Prefect server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.prefect_server import RunningPrefect, a_prefect_server


@pytest.fixture(scope="package")
def prefect(postgres: EmbeddedPostgres) -> Iterator[RunningPrefect]:
    """A real Prefect server for the tests of this package. It takes 7 to 25 s to start."""
    with a_prefect_server(postgres) as running:
        yield running

"""Share one Prefect server, one of Prefect's workers and one Headgate between the tests of this package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.flow_runs.lab import FlowRunLab, flow_run_lab


@pytest.fixture(scope="package")
def lab() -> Iterator[FlowRunLab]:
    with flow_run_lab() as started:
        yield started

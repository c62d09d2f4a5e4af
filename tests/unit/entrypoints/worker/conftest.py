from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrypoints.worker.stage_host.client import StageHost
from tests.support.served_headgate import ServedHeadgate
from tests.unit.entrypoints.worker.stage_runner import StageRunner


@pytest.fixture
async def host() -> AsyncIterator[StageHost]:
    host = await StageHost.start()
    yield host
    await host.close()


@pytest.fixture
def stages(host: StageHost, tmp_path: Path) -> StageRunner:
    return StageRunner(host, tmp_path)


@pytest.fixture
async def web() -> AsyncIterator[ServedHeadgate]:
    async with ServedHeadgate().open() as web:
        yield web

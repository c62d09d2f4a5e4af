from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrypoints.worker.host_client import StageHost
from tests.worker.gate import Gate
from tests.worker.stages import Bench


@pytest.fixture
async def host() -> AsyncIterator[StageHost]:
    host = await StageHost.start()
    yield host
    await host.close()


@pytest.fixture
def stages(host: StageHost, tmp_path: Path) -> Bench:
    return Bench(host, tmp_path)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    async with Gate().open() as gate:
        yield gate

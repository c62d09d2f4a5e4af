from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from entrypoints.worker.stage_host.client import StageHost
from tests.unit.entrypoints.worker.stage_host.interpreter import Interpreter


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    return Interpreter(tmp_path)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared_host() -> AsyncIterator[StageHost]:
    """A host for all tests of a module, which run in one event loop."""
    host = await StageHost.start()
    yield host
    await host.close()

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.entrypoints.worker.stage_host.interpreter import Interpreter


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    return Interpreter(tmp_path)

"""The import-linter contracts of pyproject.toml hold, and each of them fails when it is broken."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.source_tree import LAYERS
from tests.support.paths import ROOT

CONTRACTS: Final = [
    contract["name"] for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
BREAKING_MODULES: Final = {
    "domain/broken_layer.py": "import application.ports",
    "adapters/system/broken_sibling.py": "import adapters.telemetry.null",
    "entrypoints/web/broken_adapter.py": "import adapters.system.clock",
    "entrypoints/cli/broken_sibling.py": "import entrypoints.worker.runner.worker",
    "entrypoints/http/broken_direction.py": "import entrypoints.web.ansi",
    "entrypoints/supervisor/broken_sibling.py": "import entrypoints.web.ansi",
}
"""Modules that break one contract each."""


def run_import_linter(folder: Path) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    )
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_every_contract_holds() -> None:
    linted = run_import_linter(ROOT)

    assert linted.returncode == 0, linted.stdout
    assert set(re.findall(r"^(.+?) KEPT\b", linted.stdout, re.MULTILINE)) == set(CONTRACTS)


@pytest.fixture(scope="module")
def broken_contracts(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The contracts that fail in a copy of the source with modules that break them."""
    folder = tmp_path_factory.mktemp("broken")
    for layer in LAYERS:
        shutil.copytree(ROOT / layer, folder / layer, ignore=shutil.ignore_patterns("__pycache__", "static", "templates"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path, source in BREAKING_MODULES.items():
        (folder / path).write_text(f"{source}\n")
    return set(re.findall(r"^(.+?) BROKEN\b", run_import_linter(folder).stdout, re.MULTILINE))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_broken_contract_is_found(contract: str, broken_contracts: set[str]) -> None:
    assert contract in broken_contracts

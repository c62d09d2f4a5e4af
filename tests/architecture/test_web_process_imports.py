"""Processes that run all the time do not import what they do not need while idle: each package costs memory and a part of the start.

The web process uses Prefect by REST: importing Prefect would cost it 2 s and 100 MB. It loads what sends alerts when it is first used.
Another process migrates.
"""

import subprocess
import sys
from typing import Final

import pytest

HEAVY_PACKAGES: Final = {
    *("prefect", "ddtrace", "duckdb", "alembic", "mako"),
    *("apprise", "aiosmtplib", "cryptography", "requests", "standardwebhooks"),
}
HEAVY_FOR_THE_SUPERVISOR: Final = HEAVY_PACKAGES | {"sqlalchemy", "fastapi", "httpx", "rich", "pygments", "structlog"}


def packages_loaded_by(module: str) -> set[str]:
    script = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def test_the_web_process_never_imports_a_heavy_package() -> None:
    loaded = packages_loaded_by("entrypoints.http.server, adapters.persistence.schema_state")

    assert "fastapi" in loaded
    assert loaded & HEAVY_PACKAGES == set()


def test_the_supervisor_never_imports_a_heavy_package() -> None:
    loaded = packages_loaded_by("entrypoints.cli.app, entrypoints.cli.actions.processes, entrypoints.supervisor.supervisor")

    assert "psycopg" in loaded
    assert loaded & HEAVY_FOR_THE_SUPERVISOR == set()


def test_a_worker_needs_no_heavy_package_before_prefect_responds() -> None:
    loaded = packages_loaded_by("entrypoints.worker.main, entrypoints.worker.prefect.server_wait, entrypoints.worker.prefect.web_recorder")

    assert "httpx" in loaded
    assert loaded & (HEAVY_PACKAGES | {"sqlalchemy", "fastapi"}) == set()


@pytest.fixture(scope="module")
def all_packages() -> set[str]:
    """The packages of a process that imports every heavy package."""
    return packages_loaded_by(", ".join(sorted(HEAVY_FOR_THE_SUPERVISOR)))


@pytest.mark.parametrize("package", sorted(HEAVY_FOR_THE_SUPERVISOR))
def test_a_heavy_package_is_found(package: str, all_packages: set[str]) -> None:
    assert package in all_packages

"""The web process uses Prefect by REST: importing Prefect would cost it 2 s and 100 MB. What sends alerts is loaded when first used."""

import subprocess
import sys
from typing import Final

import pytest

HEAVY_PACKAGES: Final = {"prefect", "ddtrace", "duckdb", "apprise", "aiosmtplib", "cryptography", "requests", "standardwebhooks"}


def packages_loaded_by(module: str) -> set[str]:
    script = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def test_the_web_process_never_imports_a_heavy_package() -> None:
    loaded = packages_loaded_by("entrypoints.http.server")

    assert "fastapi" in loaded
    assert loaded.isdisjoint(HEAVY_PACKAGES)


@pytest.mark.parametrize("package", sorted(HEAVY_PACKAGES))
def test_a_heavy_package_is_found(package: str) -> None:
    assert package in packages_loaded_by(package)

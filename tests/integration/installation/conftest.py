"""A virtual environment and package indexes on loopback, in surroundings where pip has no configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.installation.surroundings import CONFIGURED, SetAll, find_installed
from tests.support.certificates import make_certificate
from tests.support.package_index import LOCK, USER, PackageIndex, a_package_index


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip and uv, in a folder with a space."""
    folder = tmp_path_factory.mktemp("a clone") / ".venv"
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder)], check=True)
    shutil.copy(Path(sys.executable).parent / "uv", folder / "bin")
    return folder


@pytest.fixture(scope="session")
def index() -> Iterator[PackageIndex]:
    with a_package_index() as made:
        yield made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1")[0]


@pytest.fixture(scope="session")
def secure_index(certificate: Path) -> Iterator[PackageIndex]:
    with a_package_index(certificate, certificate.with_name("key.pem")) as made:
        yield made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venv: Path, index: PackageIndex, secure_index: PackageIndex) -> Path:
    """A folder with a lock, in surroundings where pip has no configuration and nothing is installed yet."""
    for name in [name for name in os.environ if name.startswith(CONFIGURED)]:
        monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
    }.items():
        monkeypatch.setenv(name, value)
    for left in find_installed(venv):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    index.programs.clear()
    secure_index.programs.clear()
    (tmp_path / "requirements.lock").write_text(LOCK)
    return tmp_path


@pytest.fixture
def set_all(monkeypatch: pytest.MonkeyPatch, root: Path, index: PackageIndex, secure_index: PackageIndex, certificate: Path) -> SetAll:
    """Return a function that sets variables, in which `{index}` and similar names stand for the values of this test."""
    values = {"index": index.url, "host": index.url.partition("//")[2], "folder": root, "user": USER, "certificate": certificate}
    values |= {"secure": secure_index.url, "secure_host": secure_index.url.partition("//")[2]}

    def set_them(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format_map(values))

    return set_them

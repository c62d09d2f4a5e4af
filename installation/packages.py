"""Installs the locked packages. uv is fast; pip takes over if pip is configured in a way that uv cannot follow."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from installation.commands import FullDiskError, InstallationError, file_error, run
from installation.environment import build_environment, get_private_cache
from installation.pip_settings import is_index_disabled, parse_settings, to_pip_environment, to_uv_environment


@dataclass(frozen=True)
class Installer:
    """pip and uv of a virtual environment, with the settings that reach the user's packages."""

    venv: Path
    pip_settings: dict[str, str]
    environment: dict[str, str]

    @classmethod
    def for_environment(cls, venv: Path) -> Installer:
        environment = build_environment(os.environ, venv)
        return cls(venv, read_pip_settings(venv, environment), environment)

    def pip(self, *arguments: str | Path, doing: str) -> None:
        """Run `pip install`. Raise InstallationError if it fails."""
        argv: list[str | Path] = [
            self._python,
            "-I",
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--no-warn-script-location",
        ]
        cache = {"PIP_NO_CACHE_DIR": "1"} if "UV_CACHE_DIR" in self.environment else {}
        run([*argv, *arguments], self.environment | cache | to_pip_environment(self.pip_settings), self.venv, doing)

    def uv(self, *arguments: str | Path, doing: str, cwd: Path | None = None) -> None:
        """Run `uv pip install`. Raise InstallationError if it fails."""
        flags = ["--no-index"] if is_index_disabled(self.pip_settings) else []
        argv = [self.venv.absolute() / "bin" / "uv", "pip", "install", "--python", self._python, *flags, *arguments]
        run(argv, self.environment | to_uv_environment(self.pip_settings, self.environment), self.venv, doing, cwd)

    @property
    def _python(self) -> Path:
        return self.venv.absolute() / "bin" / "python"


def install_tools(venv: Path, root: Path) -> None:
    """Install uv and the build backend with pip."""
    doing = "install uv with pip"
    Installer.for_environment(venv).pip("--require-hashes", "-r", root / "requirements-tools.lock", doing=doing)


def install_dependencies(venv: Path, root: Path, lock: str) -> None:
    """Install what is in the lock. Raise InstallationError if neither uv nor, where it is configured, pip can."""
    installer = Installer.for_environment(venv)
    doing = "install its dependencies"
    try:
        installer.uv("--require-hashes", "-r", root / lock, doing=doing, cwd=root)
    except InstallationError as error:
        if isinstance(error, FullDiskError) or not installer.pip_settings:
            raise
        print("headgate: installing with pip, because uv cannot use pip's package index", flush=True)
        installer.pip("--no-deps", "--no-build-isolation", "--require-hashes", "-r", root / lock, doing=doing)
    finally:
        shutil.rmtree(get_private_cache(venv), ignore_errors=True)


def install_headgate(venv: Path, root: Path) -> None:
    """Install this checkout in place, without a look at any index."""
    installer = Installer.for_environment(venv)
    installer.uv("--no-deps", "--no-build-isolation", "--editable", ".", doing=f"be installed from {root}", cwd=root)
    shutil.rmtree(get_private_cache(venv), ignore_errors=True)


def read_pip_settings(venv: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return pip's settings that say how to reach packages, from its files and variables."""
    argv = [str(venv.absolute() / "bin" / "python"), "-I", "-m", "pip", "config", "list"]
    configured = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    try:
        done = subprocess.run(argv, env=environment | configured, capture_output=True, check=False)
    except OSError as error:
        raise file_error(error, venv, "run pip") from None
    if done.returncode:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise InstallationError(f"pip cannot read its own configuration: {reason[:300]}")
    return parse_settings(done.stdout.decode("utf-8", "replace"))

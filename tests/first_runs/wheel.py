"""A wheel, built from the checkout and installed in a virtual environment, as a person does who has no checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from installation.packages import Installer
from tests.support.paths import ROOT


def build(kind: str, target: Path, source: Path = ROOT) -> Path:
    """Build a `wheel` or an `sdist` from the checkout, or from another folder with its files. Return the file."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target], cwd=source, check=True, capture_output=True)
    (built,) = target.glob("headgate-*.whl" if kind == "wheel" else "headgate-*.tar.gz")
    return built


def install_wheel(wheel: Path, venv: Path, python: Path) -> Path:
    """Install the wheel and its examples in a new virtual environment, which only its owner can change. Return the `headgate` command."""
    subprocess.run([python, "-I", "-m", "venv", venv], check=True)
    (venv / "bin" / "uv").symlink_to(Path(sys.executable).parent / "uv")
    Installer.for_environment(venv).uv(f"headgate[examples] @ {wheel.as_uri()}", doing="install the wheel")
    return venv / "bin" / "headgate"

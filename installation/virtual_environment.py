"""Creates the virtual environment, again if it was made in another folder or its Python is gone."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from installation.commands import InstallationError, file_error, run
from installation.environment import build_environment

LOCATION = "location"
"""A file in the virtual environment: its checkout's folder, and the version of its Python. The Makefile compares both."""


def create_virtual_environment(venv: Path) -> None:
    """Create the environment for the Python that runs this, unless it exists. Replace one of another folder or Python."""
    _check_python()
    if _is_current(venv):
        return
    print(f"headgate: creating a virtual environment in {venv} (Python {sys.version.split()[0]})", flush=True)
    doing = f"create a virtual environment in {venv}"
    try:
        _prepare_folder(venv)
        environment = build_environment(os.environ, venv)
    except OSError as error:
        raise file_error(error, venv, doing) from None
    run([sys.executable, "-I", "-m", "venv", "--without-pip", venv.absolute()], environment, venv, doing)
    # venv itself would hide why pip could not be installed.
    run([venv.absolute() / "bin" / "python", "-I", "-m", "ensurepip", "--upgrade", "--default-pip"], environment, venv, doing)
    try:
        (venv / LOCATION).write_bytes(_describe_location())
    except OSError as error:
        raise file_error(error, venv, doing) from None


def _describe_location() -> bytes:
    return os.fsencode("{}\n{}.{}\n".format(Path.cwd().resolve(), *sys.version_info[:2]))


def _is_current(venv: Path) -> bool:
    """Return True if the environment was made for this checkout and Python, and its Python starts."""
    try:
        is_same = (venv / LOCATION).read_bytes() == _describe_location()
        return is_same and subprocess.run([str(venv / "bin" / "python"), "-I", "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _prepare_folder(venv: Path) -> None:
    """Empty the folder if Headgate was installed there: programs in it contain the path of a folder that may be another one now."""
    venv.mkdir(parents=True, exist_ok=True)
    is_empty = not any(venv.iterdir())
    if not is_empty and not any((venv / name).exists() for name in ("pyvenv.cfg", LOCATION)):
        raise InstallationError(f"{venv} exists and is not a virtual environment; remove it, or set VENV to another folder.")
    if not is_empty and not any((venv / name).exists() for name in (LOCATION, "run.stamp", "bin/headgate")):
        return
    (venv / LOCATION).write_bytes(b"")  # marks the folder as Headgate's even if the disk is full before `pyvenv.cfg` is written
    for entry in venv.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCATION:
            entry.unlink()


def _check_python() -> None:
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise InstallationError("Headgate needs CPython with the global interpreter lock; set PYTHON=/path/to/python3.")
    if importlib.util.find_spec("ensurepip") is None:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        raise InstallationError(
            f"{sys.executable} cannot create virtual environments; install Debian's and Ubuntu's package {package}, or set PYTHON."
        )

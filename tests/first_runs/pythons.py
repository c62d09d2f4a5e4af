"""Finds the Pythons of this machine that Headgate supports."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"python3(\.\d+)?")
_PRINT_VERSION: Final = (
    "import ensurepip, sys, venv; print('%d.%d.%d' % sys.version_info[:3], sys.implementation.name, sys.base_prefix == sys.prefix)"
)
_FOLDERS: Final = ("~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin", "/usr/bin", "/usr/local/bin", "/opt/*/bin")


def find_pythons() -> dict[str, Path]:
    """Return one program per version, such as `3.12.1`, oldest first. Versions that cannot create virtual environments are left out."""
    found: dict[tuple[int, ...], Path] = {}
    for program in _find_programs():
        if (version := _read_version(program)) is not None and version >= (3, 11):
            found.setdefault(version, program)
    return {".".join(map(str, version)): found[version] for version in sorted(found)}


def _find_programs() -> Iterator[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for pattern in _FOLDERS:
        path = Path(pattern).expanduser()
        folders += sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    seen: set[Path] = set()
    for folder in folders:
        for program in sorted(folder.glob("python3*")):
            if _NAME.fullmatch(program.name) and program.resolve() not in seen:
                seen.add(program.resolve())
                yield program


def _read_version(program: Path) -> tuple[int, ...] | None:
    try:
        done = subprocess.run([program, "-I", "-c", _PRINT_VERSION], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _, rest = done.stdout.strip().partition(" ")
    return tuple(map(int, version.split("."))) if rest == "cpython True" else None

"""The interpreters that tests of `python` stages name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_OLDEST = (3, 8)


def list_interpreters() -> Sequence[str]:
    """Return one interpreter of each version of Python that a stage can name, the oldest first: this one, and those of pyenv."""
    versions = {_parse_version(folder.name)[:2]: folder / "bin" / "python" for folder in Path.home().glob(".pyenv/versions/*.*")}
    usable = {version: str(program) for version, program in versions.items() if version >= _OLDEST and program.exists()}
    usable[sys.version_info[:2]] = sys.executable
    return [usable[version] for version in sorted(usable)]


def choose_interpreters() -> Sequence[str]:
    """Return the oldest and the newest of them."""
    programs = list_interpreters()
    return list(dict.fromkeys((programs[0], programs[-1])))


def _parse_version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdecimal())

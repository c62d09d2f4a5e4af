"""Finds the interpreter that a `python` stage names, and the variables of its virtual environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from entrypoints.worker.runner.ports import StageEnvironmentError

_PLACES: Final = ("bin/python", "bin/python3", "Scripts/python.exe")
"""The paths of the interpreter in the folder of a virtual environment."""


@dataclass(frozen=True, slots=True)
class StageInterpreter:
    """An interpreter on this machine. `folder` is its environment's, if it has one. A virtual environment has a file `pyvenv.cfg`."""

    program: str
    folder: Path | None = None
    is_virtual: bool = False

    def activate(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables as they are after the environment was activated. An interpreter without one changes nothing."""
        if self.folder is None:
            return dict(variables)
        programs = str(Path(self.program).parent)
        active = {name: value for name, value in variables.items() if name != "PYTHONHOME"}
        active["PATH"] = os.pathsep.join(filter(None, (programs, variables.get("PATH", os.defpath))))
        return active | ({"VIRTUAL_ENV": str(self.folder)} if self.is_virtual else {})


def find_interpreter(named: str, base: Path, search_path: str = os.defpath) -> StageInterpreter:
    """Return the interpreter of this path, of a program or of an environment's folder. Raise StageEnvironmentError if there is none.

    A relative path starts at `base`. Symbolic links are kept, because an interpreter finds its environment by the path by which it was
    started.
    """
    place = Path(os.path.normpath(base / named))
    if not Path(named).is_absolute() and not place.is_relative_to(base):
        raise StageEnvironmentError(f"The interpreter {named!r} is outside {base}: use an absolute path if that is intended.")
    if place.is_dir():
        program = next((place / name for name in _PLACES if (place / name).is_file()), None)
        if program is None:
            raise StageEnvironmentError(_explain_empty_folder(place))
    else:
        program = place
    if not program.is_file():
        raise StageEnvironmentError(_explain_missing(named, program, search_path))
    if not os.access(program, os.X_OK):
        raise StageEnvironmentError(f"The interpreter {program} is not executable for the worker's user: change its permissions.")
    folder = place if program != place else program.parent.parent
    is_virtual = (folder / "pyvenv.cfg").is_file()
    return StageInterpreter(str(program), folder if is_virtual or program != place else None, is_virtual)


def _explain_empty_folder(folder: Path) -> str:
    broken = next((folder / name for name in _PLACES if (folder / name).is_symlink()), None)
    if broken is not None:
        return f"The virtual environment {folder} is broken, since {broken.readlink()} does not exist: create it again."
    return f"The folder {folder} is no virtual environment: it has no {_PLACES[0]}. Create one with python -m venv {folder}."


def _explain_missing(named: str, program: Path, search_path: str) -> str:
    if "/" not in named and (found := shutil.which(named, path=search_path)):
        return f"No such interpreter or virtual environment: {program}. The {named} in PATH is {found}: write that path."
    return f"No such interpreter or virtual environment on this worker: {program}. Create it, or correct `python` in the definition."

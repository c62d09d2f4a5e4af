"""Lets a stage's function import what a new interpreter would, and none of Headgate's own packages. Standard library only."""

from __future__ import annotations

import codecs
import functools
import importlib
import os
import site
import sys
import time
import types
from collections import namedtuple
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Final

from entrypoints.worker.stage_host.protocol import Message

_ROOT: Final = str(Path(__file__).resolve().parents[3])
_OWN_PACKAGES: Final = frozenset(
    ("domain", "application", "adapters", "entrypoints", "examples", "tests", "alembic", "docker", "bench", "docs"),
)
_FALLBACK: Final = "examples"
"""The example pipelines name functions of this package. It is found last, so a package of the user's with that name comes first."""

_SAFE_AGE: Final = 2.0
"""Seconds after a change of a directory in which another change may leave its time as it is."""


def describe_interpreter() -> Message:
    """Return what a stage's process needs to know of this interpreter: its prefixes, its import path and its site directories.

    The host starts without site-packages, because what they run at the start of an interpreter (`.pth` files, sitecustomize) is not ours.
    """
    users = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    finders = [str(getattr(finder, "__module__", "")) for finder in sys.meta_path]
    return {
        "own_finders": [name for name in finders if name.startswith("__editable___headgate_")],
        "python_path": [os.path.abspath(entry) for entry in own if entry and not _is_root(entry)],  # noqa: PTH100
        "path": [entry for entry in sys.path if os.path.isabs(entry) and not _is_root(entry)],  # noqa: PTH117
        "sites": [*users, *site.getsitepackages()],
        "user_site": bool(site.ENABLE_USER_SITE),
        "prefix": sys.prefix,
        "exec_prefix": sys.exec_prefix,
    }


def set_import_path(folder: str, python_path: str, interpreter: Message) -> None:
    """Set `sys.path` as a new interpreter does that starts in this folder: run `.pth` files, sitecustomize and usercustomize."""
    sys.prefix, sys.exec_prefix = interpreter["prefix"], interpreter["exec_prefix"]
    first = [*filter(None, python_path.split(os.pathsep)), *interpreter["python_path"]]
    sys.path[:0] = first
    may_use_user_site = interpreter["user_site"] and not os.environ.get("PYTHONNOUSERSITE")
    site.ENABLE_USER_SITE = may_use_user_site
    _clear_start_flags()
    sys.meta_path.insert(0, OwnPackagesFinder())
    for name in interpreter["own_finders"]:
        # The `.pth` file of Headgate's own editable install then does nothing.
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].install = lambda: None  # type: ignore[attr-defined]
    for directory in interpreter["sites"][0 if may_use_user_site else int(interpreter["user_site"]) :]:
        _add_site_directory(directory)
    for name in interpreter["own_finders"]:
        del sys.modules[name]
    # What something else added to the worker's path, such as a wrapper of the worker's command.
    sys.path += [entry for entry in interpreter["path"] if entry not in (*sys.path, *interpreter["sites"])]
    for name in ("sitecustomize", *(["usercustomize"] if may_use_user_site else [])):
        _run_customization(name)
    # An interpreter adds the folder last: what it runs at its start is not imported from there.
    sys.path.insert(0, folder)
    _forget_hidden_modules([folder, *first])


def add_working_folder(folder: str, python_path: str) -> None:
    """Let the interpreter that a stage names import from this folder first, as `python` does when it starts there."""
    sys.path.insert(0, folder)
    _forget_hidden_modules([folder, *filter(None, python_path.split(os.pathsep))])


def _forget_hidden_modules(folders: Sequence[str]) -> None:
    """Forget modules that the host has imported and that a new interpreter would find in these folders, such as a user's `token.py`."""
    present = {name for folder in folders for name in _list_names(folder)}
    for name in [name for name in present if name in sys.modules and _is_from_file(sys.modules[name])]:
        spec = PathFinder.find_spec(name, folders)
        if spec is not None and spec.has_location and spec.origin != sys.modules[name].__spec__.origin:  # type: ignore[union-attr]
            for each in [each for each in sys.modules if each.partition(".")[0] == name]:
                del sys.modules[each]


def _list_names(folder: str) -> Iterable[str]:
    """Return the names of modules that may be in the folder: any if it is none, such as a ZIP archive."""
    try:
        return [name.partition(".")[0] for name in os.listdir(folder)]  # noqa: PTH208
    except NotADirectoryError:
        return [name for name in sys.modules if "." not in name]
    except OSError:
        return ()


def _is_from_file(module: types.ModuleType) -> bool:
    """True unless the module is part of the interpreter, which uses `encodings` before it can import anything."""
    spec = module.__spec__
    return spec is not None and spec.has_location and spec.name != "encodings"


class OwnPackagesFinder:
    """Hides Headgate's packages from a stage's imports, wherever they are found: in the working directory or in an editable install.

    Other packages with the same names are found as usual.
    """

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None) -> ModuleSpec | None:
        if path is not None or name not in _OWN_PACKAGES:
            return None
        elsewhere = [entry for entry in sys.path if not _is_root(entry)]
        finders: list[Any] = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        for finder in finders:
            spec: ModuleSpec | None = finder.find_spec(name, elsewhere if finder is PathFinder else None, target)
            if spec is not None and not _is_own(spec):
                return spec
        if name == _FALLBACK:
            return PathFinder.find_spec(name, [_ROOT])
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def warm_caches(interpreter: Message) -> None:
    """List the site directories in the host before it forks, so that its children need not: that takes 1 ms for a large one."""
    sites = interpreter["sites"]
    seen = _note_change(tuple(_get_modified(directory) for directory in sites))
    if time.monotonic() - seen < _SAFE_AGE:
        importlib.invalidate_caches()
    for directory in sites:
        _list_path_files(directory, _get_modified(directory))
    PathFinder.find_spec("_headgate_absent", [*sys.path, *sites])


@functools.lru_cache(maxsize=1)
def _note_change(modified: tuple[int, ...]) -> float:
    """Return when these times of change were first seen."""
    return time.monotonic()


def _get_modified(directory: str) -> int:
    try:
        return os.stat(directory).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


@functools.lru_cache(maxsize=32)
def _list_path_files(directory: str, modified: int) -> tuple[str, ...]:
    names = os.listdir(directory) if modified else []  # noqa: PTH208
    return tuple(sorted(name for name in names if name.endswith(".pth") and not name.startswith(".")))


def _add_site_directory(directory: str) -> None:
    """Do what `site.addsitedir` does, without listing the directory again."""
    if directory not in sys.path and os.path.isdir(directory):  # noqa: PTH112
        sys.path.append(directory)
    for name in _list_path_files(directory, _get_modified(directory)):
        file = os.path.join(directory, name)  # noqa: PTH118
        try:
            with open(file, "rb") as opened:  # noqa: PTH123
                lines = opened.read().removeprefix(codecs.BOM_UTF8).decode().splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(lines, 1):
            try:
                _apply_path_line(directory, line)
            except Exception as failure:
                # As the interpreter does, ignore the rest of the file and nothing else.
                print(f"Error in line {number} of {file}: {type(failure).__name__}: {failure}", file=sys.stderr)
                break


def _apply_path_line(directory: str, line: str) -> None:
    if not line.strip() or line.startswith("#"):
        return
    if line.startswith(("import ", "import\t")):
        exec(line)  # the documented meaning of such a line
        return
    entry = os.path.abspath(os.path.join(directory, line.rstrip()))  # noqa: PTH100, PTH118
    if entry not in sys.path and os.path.exists(entry):  # noqa: PTH110
        sys.path.append(entry)


def _is_root(entry: str) -> bool:
    return os.path.realpath(entry) == _ROOT


def _is_own(spec: ModuleSpec) -> bool:
    places = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin and spec.has_location else [])]
    own = os.path.join(_ROOT, spec.name)  # noqa: PTH118
    return any(f"{os.path.realpath(place)}{os.sep}".startswith(own + os.sep) for place in places)


def _clear_start_flags() -> None:
    """Replace `sys.flags` by a copy without the host's options -I and -S. multiprocessing passes those on to the interpreters it starts."""
    members = vars(type(sys.flags)).items()
    # More than the tuple's own fields: Python 3.13 and newer have flags, such as `gil`, that only have a name.
    values = {name: getattr(sys.flags, name) for name, member in members if isinstance(member, types.MemberDescriptorType)}
    values |= {"isolated": 0, "no_site": 0, "ignore_environment": 0, "safe_path": False, "no_user_site": int(not site.ENABLE_USER_SITE)}
    sys.flags = namedtuple("flags", values)(**values)  # type: ignore[assignment]


def _run_customization(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != name:
            _print_failure(name, missing)
    except Exception as failure:
        _print_failure(name, failure)


def _print_failure(name: str, failure: Exception) -> None:
    print(f"Error in {name}: {type(failure).__name__}: {failure}", file=sys.stderr)

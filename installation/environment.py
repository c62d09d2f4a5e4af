"""The environment of the programs that install packages: the surrounding shell's, without what would install other things elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

_REMOVED = frozenset({"VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "__PYVENV_LAUNCHER__"})
_REMOVED_PREFIXES = ("PIP_", "PYTHON", "DIST_EXTRA_CONFIG")
_KEPT_UV_SETTING = re.compile(
    r"UV_(CACHE|CONCURRENT|CONFIG|DEFAULT_INDEX|EXTRA_INDEX|FIND_LINKS|HTTP|INDEX|INSECURE_HOST|KEYRING|LINK_MODE|LOCK_TIMEOUT|NATIVE_TLS"
    r"|NO_CACHE|NO_CONFIG|OFFLINE|REQUEST|SSL|SYSTEM_CERTS)\w*"
)
"""uv's settings that say how to reach packages and where to keep its cache."""


_NEEDED_SPACE = 200 << 20


def build_environment(inherited: Mapping[str, str], venv: Path) -> dict[str, str]:
    """Return the environment for uv, and for pip without its settings."""
    environment = {name: value for name, value in inherited.items() if _is_kept(name)}
    environment |= {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    environment["TMPDIR"] = _find_temporary_folder(venv)
    if "UV_CACHE_DIR" not in environment and not is_usable(find_cache_folder(environment)):
        environment["UV_CACHE_DIR"] = str(get_private_cache(venv))
    return environment


def get_private_cache(venv: Path) -> Path:
    """Return the folder for the cache if the user's own cannot be written: beside the packages, so that files are linked, not copied."""
    return venv.absolute() / "cache"


def find_cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder in which uv keeps its cache by default."""
    configured = environment.get("XDG_CACHE_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path(environment.get("HOME") or "/nonexistent") / ".cache"
    return base / "uv"


def is_usable(folder: Path) -> bool:
    """Create the folder and a file in it. Return whether that is possible and leaves space for the largest packages."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 65_536)
        return shutil.disk_usage(folder).free >= _NEEDED_SPACE
    except OSError:
        return False


def _is_kept(name: str) -> bool:
    if name.startswith("UV_"):
        return _KEPT_UV_SETTING.fullmatch(name) is not None
    return name not in _REMOVED and not name.startswith(_REMOVED_PREFIXES)


def _find_temporary_folder(venv: Path) -> str:
    for folder in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp"):
        if folder and Path(folder).is_absolute() and Path(folder).is_dir() and is_usable(Path(folder)):
            return folder
    own = venv.absolute() / "tmp"
    own.mkdir(parents=True, exist_ok=True)
    return str(own)

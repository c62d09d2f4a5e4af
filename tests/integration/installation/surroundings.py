"""What the tests of the installation set, and what they look for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.package_index import NAME

SetAll = Callable[[dict[str, str]], None]

CONFIGURED: Final = ("PIP_", "UV_", "PYTHON", "HTTP", "http", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "XDG_", "SSL_")
"""The beginnings of variables that the surrounding shell may have."""


def find_installed(venv: Path) -> list[Path]:
    """Return the files and folders of the test's package in the virtual environment."""
    return list(venv.glob(f"lib/python*/site-packages/{NAME}*"))

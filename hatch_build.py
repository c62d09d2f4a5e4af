"""Puts the folders of the checkout into the one package of the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "headgate.py": "headgate/__init__.py",
    "entrypoints/cli/__main__.py": "headgate/__main__.py",
    "headgate.pth": "headgate.pth",
}
"""The files that are elsewhere in the wheel. headgate.pth adds the package's folder to the import path, for Prefect's own workers."""
INSIDE = ("alembic.ini", "alembic", "domain", "application", "adapters", "entrypoints", "examples")
"""The folders and files in the package. As packages of their own, `domain` and `alembic` would hide packages with the same names."""
SHARED = {"deploy": "share/headgate"}
"""Files for administrators, in the folder of the virtual environment, where the path does not depend on the version of Python."""


class PackageFolders(BuildHookInterface):
    """An installation in place, as in a checkout, needs none of it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to a wheel that is not one of an installation in place."""
        if version == "standard":
            included = FILES | {name: f"headgate/{name}" for name in INSIDE}
            build_data["shared_data"] |= {str(Path(self.root) / source): target for source, target in SHARED.items()}
            build_data["force_include"] |= {str(Path(self.root) / source): target for source, target in included.items()}

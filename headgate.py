"""The `headgate` command. It imports Headgate's packages from this folder, whatever else is installed under their names."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def main() -> None:
    """Run the command line."""
    from entrypoints.cli.app import main as run  # only now, since an installed package may have the same name

    run()

"""The `headgate` command, also as `python -m headgate`. Headgate's packages are imported from this file's folder first.

A wheel contains this file as `headgate/__init__.py`, beside the packages.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def main() -> None:
    """Run the command line."""
    from entrypoints.cli.app import main as run  # only now, since an installed package may have the same name

    run()


if __name__ == "__main__":
    main()

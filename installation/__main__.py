"""Create the virtual environment or install one of its parts: `python -m installation VENV tools|run|test`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from installation.commands import InstallationError, file_error
from installation.packages import install_dependencies, install_headgate, install_tools
from installation.virtual_environment import create_virtual_environment

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 2 after an error that is printed in one line."""
    venv, part = Path(arguments[0]), arguments[1]
    try:
        install(venv, part)
    except InstallationError as error:
        print(f"headgate: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"headgate: {file_error(error, venv, 'be installed')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("headgate: the installation was interrupted; run the same command again to continue", file=sys.stderr)
        return 2
    return 0


def install(venv: Path, part: str) -> None:
    if part == "tools":
        create_virtual_environment(venv)
        install_tools(venv, ROOT)
    elif part == "run":
        print("headgate: installing its dependencies (about 150 MB, from the hash-pinned lock)", flush=True)
        install_dependencies(venv, ROOT, "requirements.lock")
        install_headgate(venv, ROOT)
    else:
        print("headgate: installing the tests' dependencies", flush=True)
        install_dependencies(venv, ROOT, "requirements-test.lock")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

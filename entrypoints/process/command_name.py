"""The name of this command in the shell that called it."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

_NAME: Final = "headgate"


def get_command() -> str:
    """Return what to type for this command in the same shell: `headgate` if that is on its PATH, else the path that was typed."""
    called = Path(sys.argv[0])
    on_path = shutil.which(_NAME)
    if called.stem != _NAME or (on_path is not None and _is_same_file(called, Path(on_path))):
        return _NAME
    return shlex.quote(sys.argv[0])


def get_command_for_any_folder() -> str:
    """Return the same as `get_command`, with an absolute path."""
    command = get_command()
    return command if command == _NAME else shlex.quote(str(Path(sys.argv[0]).absolute()))


def _is_same_file(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False

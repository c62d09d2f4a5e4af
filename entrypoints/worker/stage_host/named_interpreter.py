"""Calls a stage's function in the interpreter that the stage names, as the forked child does.

Standard library only, and Python 3.8 or newer.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from entrypoints.worker.stage_host import python_callable
from entrypoints.worker.stage_host.import_path import add_working_folder
from entrypoints.worker.stage_host.result_pipe import RESULT_FD, send_result, send_start_sign

if TYPE_CHECKING:
    from entrypoints.worker.stage_host.protocol import Message


def main(result: int, job: int, search_path: list[str]) -> NoReturn:
    """Call the function of this job. Never returns."""
    code = 127
    try:
        start = _read_job(job)
        _move_to_result_descriptor(result)
        send_start_sign()

        def prepare_imports() -> None:
            sys.path = search_path
            add_working_folder(start["cwd"], start["env"].get("PYTHONPATH", ""))

        code = python_callable.call(start, prepare_imports, send_result)
    except BaseException as failure:
        send_result({"error": f"The stage could not be started: {failure}"})
    finally:
        os._exit(code)


def _read_job(descriptor: int) -> Message:
    with open(descriptor, encoding="utf-8") as file:
        start: Message = json.load(file)
    # Without the variables that the interpreter added at its start.
    start["env"] = {name: os.environ[name] for name in start["variables"] if name in os.environ}
    return start


def _move_to_result_descriptor(descriptor: int) -> None:
    if descriptor == RESULT_FD:
        os.set_inheritable(descriptor, False)
    else:
        os.dup2(descriptor, RESULT_FD, inheritable=False)
        os.close(descriptor)

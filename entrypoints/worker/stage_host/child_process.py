"""What the forked child does before the user's first line. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
from dataclasses import dataclass
from typing import NoReturn

from entrypoints.worker.stage_host import python_callable
from entrypoints.worker.stage_host.import_path import set_import_path
from entrypoints.worker.stage_host.processes import die_with_parent, libc, reset_signals, set_process_name
from entrypoints.worker.stage_host.protocol import MARK_NAME, Message
from entrypoints.worker.stage_host.result_pipe import RESULT_FD, send_result


@dataclass(frozen=True, slots=True)
class StagePipes:
    """The descriptors that the host opened for a stage."""

    stdout: int
    stderr: int
    result: int


def run_stage(start: Message, pipes: StagePipes, host: int, interpreter: Message) -> NoReturn:
    """Run the stage in this forked process. Never returns."""
    code = 127
    try:
        _detach_from_host(pipes, host)
        os.chdir(start["cwd"])
        _set_process_mark(start["env"][MARK_NAME])
        code = _send_http_request(start) if start["kind"] == "http" else _call_function(start, interpreter)
    except BaseException as failure:
        send_result({"error": f"The stage could not be started: {failure}"})
    finally:
        os._exit(code)


def _call_function(start: Message, interpreter: Message) -> int:
    def prepare_imports() -> None:
        set_import_path(start["cwd"], start["env"].get("PYTHONPATH", ""), interpreter)

    return python_callable.call(start, prepare_imports, send_result)


def _send_http_request(start: Message) -> int:
    # For the rules of outgoing requests. A `python` stage, whose own modules may be named `domain`, has another import path.
    sys.path.append(__file__.rpartition("/entrypoints/")[0])
    from entrypoints.worker.http_stage import http_request  # imported here to keep the host small

    os.environ.clear()
    return http_request.call(start["request"], send_result, lambda text: print(text, flush=True))


def _detach_from_host(pipes: StagePipes, host: int) -> None:
    os.setsid()
    die_with_parent(host)
    signal.set_wakeup_fd(-1)
    reset_signals()
    # Standard input is the host's own: /dev/null.
    for descriptor, number in ((pipes.stdout, 1), (pipes.stderr, 2)):
        os.dup2(descriptor, number)
    if pipes.result != RESULT_FD:
        os.dup2(pipes.result, RESULT_FD, inheritable=False)
    _close_above(RESULT_FD)
    set_process_name("headgate-stage")
    gc.enable()


def _close_above(last: int) -> None:
    try:
        opened = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    except FileNotFoundError:
        opened = list(range(min(os.sysconf("SC_OPEN_MAX"), 65536)))
    for descriptor in opened:
        if descriptor > last:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _set_process_mark(mark: str) -> None:
    # /proc/<pid>/environ shows the memory the host was started with. The host's own mark has the same length, so writing over it
    # marks this process and all that it forks without exec, which no later change of os.environ would.
    libc.getenv.restype = ctypes.c_void_p
    libc.getenv.argtypes = [ctypes.c_char_p]
    place = libc.getenv(MARK_NAME.encode())
    if place and len(ctypes.string_at(place)) == len(mark):
        ctypes.memmove(place, mark.encode(), len(mark))

"""The child's side of a stage's start: from the host's fork to the stage's own first instruction. Standard library only."""

from __future__ import annotations

import ctypes
import errno
import gc
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from entrypoints.worker import host_callable
from entrypoints.worker.host_processes import call_myself, die_with_parent, libc
from entrypoints.worker.host_protocol import MARK_NAME, Message

VERDICT = 3
"""The descriptor on which the child says what standard output cannot: why it did not start, or what a callable returned."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The descriptors a child keeps, as the host opened them."""

    stdin: int
    stdout: int
    stderr: int
    verdict: int


class NotStarted(Exception):
    """The stage could not be started; the text is for the person who wrote it."""

    def __init__(self, text: str, code: int = 127) -> None:
        super().__init__(text)
        self.code = code


def become_stage(start: Message, ends: Ends, host: int, surroundings: Message) -> NoReturn:
    """Turn this freshly forked process into the stage. Never returns, whatever happens."""
    code = 127
    try:
        _leave_the_host(ends, host)
        _enter(start["cwd"])
        if start["kind"] == "python":
            _wear_mark(start["env"][MARK_NAME])
            call_myself("headgate-stage")
            gc.enable()
            code = host_callable.call(start, surroundings, say)
        else:
            _exec(start["argv"], start["env"], start["cwd"])
    except NotStarted as failure:
        code = failure.code
        say({"error": str(failure)})
    except BaseException as failure:
        say({"error": f"The stage could not be started: {failure}"})
    finally:
        os._exit(code)


def say(verdict: Message) -> None:
    """Write the verdict for the host."""
    left = memoryview(json.dumps(verdict).encode())
    while left:
        left = left[os.write(VERDICT, left) :]


def _leave_the_host(ends: Ends, host: int) -> None:
    signal.set_wakeup_fd(-1)
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(sign, signal.SIG_DFL)
    os.setsid()
    die_with_parent()
    if os.getppid() != host:
        os._exit(127)
    for descriptor, number in ((ends.stdin, 0), (ends.stdout, 1), (ends.stderr, 2)):
        os.dup2(descriptor, number)
    if ends.verdict != VERDICT:
        os.dup2(ends.verdict, VERDICT, inheritable=False)
    os.closerange(VERDICT + 1, os.sysconf("SC_OPEN_MAX"))


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except FileNotFoundError:
        raise NotStarted(f"No such working directory: {folder}") from None
    except NotADirectoryError:
        raise NotStarted(f"The working directory is not a directory: {folder}") from None
    except PermissionError:
        raise NotStarted(f"The working directory may not be entered: {folder}", 126) from None


def _wear_mark(mark: str) -> None:
    # /proc/<pid>/environ shows the memory the host was started with. The host's own mark has the same length, so writing over it
    # marks this process and all that it forks without exec, which no later change of os.environ would.
    libc.getenv.restype = ctypes.c_void_p
    libc.getenv.argtypes = [ctypes.c_char_p]
    place = libc.getenv(MARK_NAME.encode())
    if place and ctypes.string_at(place).__len__() == len(mark):
        ctypes.memmove(place, mark.encode(), len(mark))


def _exec(argv: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    if not argv or not argv[0]:
        raise NotStarted("The command is empty")
    try:
        os.execvpe(argv[0], argv, environment)
    except (FileNotFoundError, NotADirectoryError):
        raise NotStarted(_not_found(argv[0], environment, folder)) from None
    except PermissionError:
        raise NotStarted(f"{argv[0]} may not be run: it is not an executable file (looked in {folder})", 126) from None
    except OSError as failure:
        raise NotStarted(_refused(argv[0], failure), 126) from None


def _not_found(program: str, environment: dict[str, str], folder: str) -> str:
    if "/" not in program:
        return f"No such program: {program} (looked in PATH: {environment.get('PATH', os.defpath)})"
    if Path(program).is_file():
        with Path(program).open("rb") as script:
            first = script.readline(200).decode("utf-8", "replace").strip()
        return f"{program} cannot be run: its interpreter does not exist ({first})"
    return f"No such program: {program} (looked in {folder})"


def _refused(program: str, failure: OSError) -> str:
    if failure.errno == errno.ENOEXEC:
        return f"{program} is not a program: it is neither a binary nor does it begin with #!"
    if failure.errno == errno.E2BIG:
        return f"{program} was not started: its arguments and environment are too long together"
    return f"{program} was not started: {failure.strerror}"

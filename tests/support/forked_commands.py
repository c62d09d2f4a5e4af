"""Run `headgate` commands as forks of one process that has imported them all: importing takes longer than what most commands do.

`headgate` in the shells of pasted commands connects to the server of `command_server`, which gives the fork the caller's arguments,
environment, folder and streams. There, commands that run until they are stopped are processes of their own; `forked_process` starts a web
or a worker as a fork.
"""

from __future__ import annotations

import atexit
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.paths import ROOT
from tests.support.shared_folder import find_shared_folder, get_own_folder

LONG_RUNNING: Final = ("up", "web", "worker", "prefect", "apply --watch")
"""Commands that start a process, wait for signals or become another program, each with an option that makes it one."""
PROGRAM: Final = "tests.support.command_server"
_CLIENT: Final = Path(__file__).with_name("command_client.py")


def build_forked_argv(*arguments: object, program: str = PROGRAM) -> list[str]:
    """Return the arguments of a process that runs the command as a fork."""
    return [sys.executable, "-I", "-S", str(_CLIENT), get_command_server(program), *map(str, arguments)]


def build_script() -> str:
    """Return the `headgate` command as a shell script."""
    patterns = "|".join(f'"{name} "*{option}*' for name, _, option in (each.partition(" ") for each in LONG_RUNNING))
    own = shlex.join([sys.executable, "-m", "entrypoints.cli"])
    return f'#!/bin/sh\ncase "$* " in {patterns}) exec {own} "$@" ;; esac\nexec {shlex.join(build_forked_argv())} "$@"\n'


@contextmanager
def a_command_server(folder: Path, program: str = PROGRAM) -> Iterator[Path]:
    """Start the server, a module, and yield its socket, in the folder. It imports the commands when the first client connects.

    It ends with this process, which holds its standard input.
    """
    path = folder / program
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen()
        argv = [sys.executable, "-m", program, str(listening.fileno())]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdin=subprocess.PIPE, pass_fds=[listening.fileno()], start_new_session=True
        )
    with process:
        yield path


@cache
def get_command_server(program: str = PROGRAM) -> str:
    """Return the path of the server's socket. Start the server in this process unless the controller of pytest-xdist has started it."""
    shared = find_shared_folder()
    if shared and (shared / program).exists():
        return str(shared / program)
    stack = ExitStack()
    path = stack.enter_context(a_command_server(get_own_folder(), program))
    atexit.register(stack.close)
    return str(path)

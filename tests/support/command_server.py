"""Run `headgate` commands as forks of one process that has imported them all: importing takes longer than what most commands do.

`headgate` in the shells of pasted commands connects to this server, which gives the fork the caller's arguments, environment, folder and
streams. There, commands that run until they are stopped are processes of their own; `forked_process` starts a web or a worker as a fork.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import entrypoints.cli
from entrypoints.cli.app import main
from tests.support.paths import ROOT

LONG_RUNNING: Final = ("up", "web", "worker", "prefect", "apply --watch")
"""Commands that start a process, wait for signals or become another program, each with an option that makes it one."""
_OPENING_THE_DATABASE: Final = frozenset({"user", "token", "worker-tokens", "prune", "retry-prefect"})
"""Commands that run the application in their process."""
_NOT_IMPORTED: Final = ("__main__", "accounts", "database", "local_application", "maintenance", "processes", "provisioning", "tokens")
"""Modules that import the application or the database. Each fork is larger with them, so they are imported when a command needs them."""
_PROGRAMS: Final = {"web": ("adapters.persistence.schema_state", "entrypoints.http.server"), "worker": ("entrypoints.worker.main",)}
"""The modules that each long-running command imports."""
_MAX_STREAMS: Final = 4
"""Standard input, output and error, and the pipe of the process that the fork ends with."""
_CLIENT: Final = Path(__file__).with_name("command_client.py")
_READY: Final = b"ready\n"


def build_forked_argv(*arguments: object) -> list[str]:
    """Return the arguments of a process that runs the command as a fork. Start the server of this process if it does not run yet."""
    return [sys.executable, "-I", "-S", str(_CLIENT), start_server(), *map(str, arguments)]


def build_script() -> str:
    """Return the `headgate` command as a shell script."""
    patterns = "|".join(f'"{name} "*{option}*' for name, _, option in (each.partition(" ") for each in LONG_RUNNING))
    own = shlex.join([sys.executable, "-m", "entrypoints.cli"])
    return f'#!/bin/sh\ncase "$* " in {patterns}) exec {own} "$@" ;; esac\nexec {shlex.join(build_forked_argv())} "$@"\n'


@functools.cache
def start_server() -> str:
    """Start the server and return the path of its socket. It ends with this process, which holds its standard input."""
    folder = tempfile.TemporaryDirectory(prefix="hg-commands-")
    path = f"{folder.name}/socket"
    argv = [sys.executable, "-m", "tests.support.command_server", path]
    process = subprocess.Popen(
        argv, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None and process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == _READY, "the server of commands did not start"
    atexit.register(_end, process, folder)
    return path


def _end(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    process.communicate()
    folder.cleanup()


def serve(path: str) -> None:
    """Fork for each connection, until standard input is closed. Send each caller the exit code of its command."""
    import_commands()
    callers: dict[int, Caller] = {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(path)
        server.listen()
        os.write(1, _READY)
        os.dup2(2, 1)
        while sys.stdin not in (ready := select.select([server, sys.stdin, *callers], [], [])[0]):
            for ended in callers.keys() & ready:
                callers.pop(ended).receive_end(ended)
            if server in ready:
                caller = Caller(server.accept()[0])
                callers[os.pidfd_open(caller.pid)] = caller
    for caller in callers.values():
        os.kill(caller.pid, signal.SIGKILL)


class Caller:
    """A client whose command runs, with the process that runs it."""

    def __init__(self, connection: socket.socket) -> None:
        message, streams, _, _ = socket.recv_fds(connection, 1_000_000, _MAX_STREAMS)
        request = json.loads(message)
        import_what_it_needs("web" if request.get("module") else "".join(request["arguments"][:1]))
        self.pid = os.fork()
        if self.pid == 0:
            if request.get("has_own_session"):
                os.setsid()
                connection.sendall(str(os.getpid()).encode())
            run(request, streams)
        for stream in streams:
            os.close(stream)
        self._connection = connection

    def receive_end(self, ended: int) -> None:
        """Send the exit code of the process, as a shell would report it."""
        os.close(ended)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with self._connection:
            self._connection.sendall(str(code if code >= 0 else 128 - code).encode())


def import_commands() -> None:
    """Import what the commands import when they run, except for the application."""
    for module in pkgutil.walk_packages(entrypoints.cli.__path__, "entrypoints.cli."):
        if module.name.rpartition(".")[2] not in _NOT_IMPORTED:
            importlib.import_module(module.name)
    gc.freeze()


@functools.cache
def import_what_it_needs(name: str) -> None:
    """Import what the command imports when it runs."""
    if name in _OPENING_THE_DATABASE:
        import_application()
    for module in _PROGRAMS.get(name, ()):
        importlib.import_module(module)
    gc.freeze()


@functools.cache
def import_application() -> None:
    """Import it once for all commands that open the database."""
    for name in ("accounts", "maintenance", "tokens"):
        importlib.import_module(f"entrypoints.cli.actions.{name}")


def run(request: dict[str, Any], streams: Sequence[int]) -> NoReturn:
    """Become the process that the caller would have started, and run the command, or another module that starts a web.

    It ends without the finalization of the interpreter, which would copy most of the memory that it shares with the server.
    """
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty() or "PYTHONUNBUFFERED" in request["environment"])
    sys.stderr.reconfigure(line_buffering=True)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for stream in streams[3:]:
        os.environ["HEADGATE_PARENT_FD"] = str(stream)
    time.tzset()
    sys.argv = [request["program"], *request["arguments"]]
    code = 1
    try:
        if module := request.get("module"):
            runpy.run_module(module, run_name="__main__")
        else:
            main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])

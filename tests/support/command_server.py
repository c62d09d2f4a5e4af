"""The server of `forked_commands`: it imports the commands and forks for each client."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any, Final, NoReturn

_OPENING_THE_DATABASE: Final = frozenset({"user", "token", "worker-tokens", "prune", "retry-prefect"})
"""Commands that run the application in their process."""
_NOT_IMPORTED: Final = ("__main__", "accounts", "database", "local_application", "maintenance", "processes", "provisioning", "tokens")
"""Modules that import the application or the database. Each fork is larger with them, so they are imported when a command needs them."""
_PROGRAMS: Final = {"web": ("adapters.persistence.schema_state", "entrypoints.http.server"), "worker": ("entrypoints.worker.main",)}
"""The modules that each long-running command imports."""
_MAX_STREAMS: Final = 4
"""Standard input, output and error, and the pipe of the process that the fork ends with."""


def serve(server: socket.socket) -> None:
    """Fork for each connection, until standard input is closed. Send each caller the exit code of its command."""
    callers: dict[int, Caller] = {}
    while sys.stdin not in (ready := select.select([server, sys.stdin, *callers], [], [])[0]):
        for ended in callers.keys() & ready:
            callers.pop(ended).receive_end(ended)
        if server in ready and (caller := receive_caller(server)):
            callers[os.pidfd_open(caller.pid)] = caller
    for caller in callers.values():
        os.kill(caller.pid, signal.SIGKILL)


def receive_caller(server: socket.socket) -> Caller | None:
    """Accept a connection and run its command. Return None if the client has ended without a request."""
    connection = server.accept()[0]
    message, streams, _, _ = socket.recv_fds(connection, 1_000_000, _MAX_STREAMS)
    if not message:
        connection.close()
        return None
    return Caller(connection, json.loads(message), streams)


class Caller:
    """A client whose command runs, with the process that runs it."""

    def __init__(self, connection: socket.socket, request: dict[str, Any], streams: Sequence[int]) -> None:
        import_commands()
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
        """Send the exit code of the process, as a shell would report it, unless the client has ended."""
        os.close(ended)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with self._connection, contextlib.suppress(ConnectionError):
            self._connection.sendall(str(code if code >= 0 else 128 - code).encode())


@functools.cache
def import_commands() -> None:
    """Import what the commands import when they run, except for the application."""
    commands = importlib.import_module("entrypoints.cli")
    for module in pkgutil.walk_packages(commands.__path__, "entrypoints.cli."):
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
            importlib.import_module("entrypoints.cli.app").main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        os._exit(code)


def main() -> None:
    """Serve the clients of the listening socket with this number."""
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()

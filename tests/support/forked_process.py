"""A `headgate` command that runs until it is stopped, as a fork of the server of commands, which saves a web the second of its imports."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.support.forked_commands import PROGRAM, get_command_server
from tests.support.paths import ROOT


class ForkedProcess:
    """Has what the tests use of `subprocess.Popen`. The process has a session of its own.

    Telemetry must be off: it patches libraries before they are imported.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: IO[bytes],
        parent_fd: int | None = None,
        *,
        module: str = "",
        program: str = PROGRAM,
    ) -> None:
        """Start the command, or a module that runs a web. With `parent_fd`, it ends when the other end of this pipe is closed.

        `program` is that of the server of commands.
        """
        self.returncode: int | None = None
        self._arguments = arguments
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(get_command_server(program))
        request = {
            "program": "headgate",
            "arguments": list(arguments),
            "environment": dict(environment),
            "module": module,
            "folder": os.path.realpath(ROOT),
            "has_own_session": True,
        }
        with Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), log.fileno(), log.fileno(), *([] if parent_fd is None else [parent_fd])]
            socket.send_fds(self._connection, [json.dumps(request).encode()], streams)
        self.pid = int(self._connection.recv(16))

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._receive_end(0)

    def wait(self, timeout: float) -> int:
        """Return the exit code once the process has ended. Raise TimeoutExpired after so many seconds."""
        code = self._receive_end(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(list(self._arguments), timeout)
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _receive_end(self, seconds: float) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], seconds)[0]:
            self.returncode = _to_return_code(int(self._connection.recv(16)))
            self._connection.close()
        return self.returncode


def _to_return_code(shell_code: int) -> int:
    """Return the code as `Popen` has it: negative for a signal."""
    return 128 - shell_code if shell_code > 128 else shell_code

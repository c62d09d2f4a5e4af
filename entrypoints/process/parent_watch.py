"""End a process when its parent dies. The child holds the read end of a pipe, which closes however the parent ends.

Imports the standard library only. As a program it wraps a command that does not watch its parent itself:
`python parent_watch.py [--nice N] -- COMMAND…`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

PARENT_FD_VARIABLE = "HEADGATE_PARENT_FD"
"""The environment variable with the descriptor of the pipe's read end."""
_KILL_AFTER_SECONDS = 10.0
_GRACE_SECONDS = 4.0


def watch_parent(callback: Callable[[], object], kill_after_seconds: float = _KILL_AFTER_SECONDS) -> bool:
    """Call `callback` in a thread when the parent is gone; kill this process if it still runs `kill_after_seconds` later.

    Return False, and do nothing, if HEADGATE_PARENT_FD is not set.
    """
    value = os.environ.pop(PARENT_FD_VARIABLE, None)
    if value is None:
        return False
    descriptor = int(value)
    os.set_inheritable(descriptor, False)

    def watch() -> None:
        _wait_until_closed(descriptor)
        threading.Timer(kill_after_seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        callback()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    return True


def _wait_until_closed(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 1):
            pass


class _CommandWrapper:
    """Runs a command in this process's own process group and ends the whole group: TERM, then KILL, this process included."""

    def __init__(self) -> None:
        self._is_ending = threading.Lock()
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: threading.Thread(target=self.end, daemon=True).start())

    def end(self) -> None:
        """Send TERM to the group, and KILL after the grace period. A second call does nothing."""
        if not self._is_ending.acquire(blocking=False):
            return
        os.killpg(0, signal.SIGTERM)
        time.sleep(_GRACE_SECONDS)
        os.killpg(0, signal.SIGKILL)

    def run(self, argv: list[str]) -> int:
        """Wait for the command and return its exit code; for a signal, 128 plus its number, as a shell does."""
        code = subprocess.Popen(argv, stdin=subprocess.DEVNULL).wait()
        if self._is_ending.locked():
            os.killpg(0, signal.SIGKILL)  # the command has ended, but processes that it started may not have
        return code if code >= 0 else 128 - code


def main(argv: list[str]) -> None:
    """Run the command after `--` until it ends or the parent dies."""
    separator = argv.index("--")
    if argv[:1] == ["--nice"]:
        os.nice(int(argv[1]))
    wrapper = _CommandWrapper()
    watch_parent(wrapper.end)
    sys.exit(wrapper.run(argv[separator + 1 :]))


if __name__ == "__main__":
    main(sys.argv[1:])

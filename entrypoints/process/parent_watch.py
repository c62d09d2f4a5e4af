"""Ending with the parent: a process that holds the read end of a pipe sees it close, however its parent died.

Standard library only. Run as a program, it owns a foreign command: `python guard.py [--nice N] -- COMMAND…`.
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
_LAST_SECONDS = 10.0
_GRACE_SECONDS = 4.0


def watch_parent(callback: Callable[[], object], last_seconds: float = _LAST_SECONDS) -> bool:
    """Call `callback`, in a thread, once the parent is gone; kill this process if it is still here `last_seconds` later.

    The pipe's descriptor comes in the environment as HEADGATE_PARENT_FD. Without one nothing happens and False is returned.
    """
    number = os.environ.pop(PARENT_FD_VARIABLE, None)
    if number is None:
        return False
    descriptor = int(number)
    os.set_inheritable(descriptor, False)

    def watch() -> None:
        _until_closed(descriptor)
        threading.Timer(last_seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        callback()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    return True


def _until_closed(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 1):
            pass


class _CommandGuard:
    """A command in this process's own group. When it is to end, the whole group does: TERM, then KILL, this process included."""

    def __init__(self) -> None:
        self._ending = threading.Lock()
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: threading.Thread(target=self.end, daemon=True).start())

    def end(self) -> None:
        """TERM to the group, and KILL to all of it after the grace. A second call does nothing."""
        if not self._ending.acquire(blocking=False):
            return
        os.killpg(0, signal.SIGTERM)
        time.sleep(_GRACE_SECONDS)
        os.killpg(0, signal.SIGKILL)

    def run(self, argv: list[str]) -> int:
        """Run the command to its end; its exit code, as a shell gives it."""
        code = subprocess.Popen(argv, stdin=subprocess.DEVNULL).wait()
        if self._ending.locked():
            os.killpg(0, signal.SIGKILL)  # the command is over; what it started may not be
        return code if code >= 0 else 128 - code


def main(argv: list[str]) -> None:
    """Run the command after `--` until it ends or the parent does."""
    split = argv.index("--")
    if argv[:1] == ["--nice"]:
        os.nice(int(argv[1]))
    guard = _CommandGuard()
    watch_parent(guard.end)
    sys.exit(guard.run(argv[split + 1 :]))


if __name__ == "__main__":
    main(sys.argv[1:])

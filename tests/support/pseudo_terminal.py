"""Run commands in a terminal of a given width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def run_in_terminal(argv: Sequence[str], environment: Mapping[str, str], columns: int = 80) -> tuple[int, str]:
    """Run the command with a pseudo-terminal as input and output. Return its exit code and what it printed, with `\\n` as line end."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")} | {"TERM": "xterm"}
    process = subprocess.Popen(argv, env=variables, stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True)
    os.close(terminal)
    output = bytearray()
    try:
        while chunk := _read(reader):
            output += chunk
        return process.wait(timeout=60), output.decode().replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def remove_styles(text: str) -> str:
    """Return the text without colours."""
    return _STYLES.sub("", text)


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 65_536)
    except OSError:  # the last process that had the terminal open has ended
        return b""

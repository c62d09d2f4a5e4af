"""The pipe on which a stage's process sends its result to the host. Standard library only, and Python 3.8 or newer."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrypoints.worker.stage_host.protocol import Message

RESULT_FD = 3
"""The descriptor on which a stage's process sends a callable's result, or the reason of its failure."""

_START_SIGN = b"\n"
"""Ignored before JSON."""


def send_start_sign() -> None:
    """Tell the host that the interpreter that a stage names has started."""
    _write(_START_SIGN)


def send_result(result: Message) -> None:
    """Send the result to the host."""
    _write(json.dumps(result).encode())


def parse_result(sent: bytes | bytearray) -> Message:
    """Return what the stage's process sent; empty if it sent no result. Raise ValueError or RecursionError if it was cut off."""
    result: Message = json.loads(sent) if sent.strip() else {}
    return result


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(RESULT_FD, left) :]

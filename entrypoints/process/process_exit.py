"""End a process whose work is done."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Final, NoReturn

_REPORT_SECONDS: Final = 1.0
"""Time for the report of a process that did not end."""


def exit_immediately(code: int = 0) -> NoReturn:
    """Flush the output and exit, without the interpreter's shutdown.

    The shutdown could block on threads that have nothing left to do for Headgate, such as a thread that imports a library, or a tracer's
    thread that waits for an agent that never answers.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def exit_after(seconds: float, report: Callable[[], object]) -> None:
    """Exit with code 1 if the process still runs after `seconds`, whatever its threads wait for. `report` is called first."""

    def end() -> None:
        reporting = threading.Thread(target=report, name="exit-report", daemon=True)
        reporting.start()
        reporting.join(_REPORT_SECONDS)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()

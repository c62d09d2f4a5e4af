"""The last step of a process whose work is done and told."""

import logging
import os
import sys
from typing import NoReturn


def exit_immediately() -> NoReturn:
    """Leave without the interpreter's ceremony, with exit code 0.

    For when something would hold it up that has nothing of ours left to do: a thread in the middle of an import, or a tracer's that waits
    for an agent which takes bytes and never answers.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

"""Fewer runs of the garbage collector, and none while modules are imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 20)
"""Allocations between two collections of the youngest generation, and collections until the next generation is included."""


def collect_rarely() -> None:
    """Raise the thresholds of the collector. By default they are 700, 10 and 10: a sixth of a command's start would be collections.

    A batch of reports makes thousands of objects and hardly a cycle.
    """
    gc.set_threshold(*_THRESHOLDS)


@contextmanager
def exempt_from_garbage_collection() -> Iterator[None]:
    """Pause the garbage collector, and keep all present objects out of later collections.

    Modules stay until the process ends. Collections while they are imported take a sixth of the start of a web process, and a full
    collection of Prefect's, which are over 100,000 objects, stops the event loop for 0.1 to 0.4 s.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()

"""A server of commands whose forks have a wrong wall clock: it is as many seconds ahead as the variable in their environment says.

The functions are replaced in the modules, and the methods in the `datetime` type itself, before any other module is imported, so that a
whole process sees the same wrong time. The monotonic clock stays as it is.
"""

from __future__ import annotations

import ctypes
import datetime as standard
import gc
import os
import time
from typing import Any, Final

PROGRAM: Final = "tests.chaos.skewed_clock"
VARIABLE: Final = "CLOCK_SKEW_SECONDS"


def get_skew() -> float:
    """Return the seconds by which the clock of this process is ahead."""
    return float(os.environ.get(VARIABLE, "0"))


def make_clock_skewable() -> None:
    """Shift the wall clock of this process: in `time`, and `now` and `utcnow` of `datetime`, whose other methods call `time`."""
    _make_time_skewable()
    now, utcnow = standard.datetime.now, standard.datetime.utcnow
    methods: dict[str, Any] = gc.get_referents(standard.datetime.__dict__)[0]
    methods["now"] = staticmethod(lambda tz=None: now(tz) + standard.timedelta(seconds=get_skew()))
    methods["utcnow"] = staticmethod(lambda: utcnow() + standard.timedelta(seconds=get_skew()))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(standard.datetime))


def _make_time_skewable() -> None:
    read_ns, read_clock, local, utc, ctime = time.time_ns, time.clock_gettime, time.localtime, time.gmtime, time.ctime
    time.time_ns = lambda: read_ns() + int(get_skew() * 1e9)
    time.time = lambda: time.time_ns() / 1e9
    time.clock_gettime = lambda clock: read_clock(clock) + (get_skew() if clock == time.CLOCK_REALTIME else 0.0)
    time.localtime = lambda at=None: local(time.time() if at is None else at)
    time.gmtime = lambda at=None: utc(time.time() if at is None else at)
    time.ctime = lambda at=None: ctime(time.time() if at is None else at)


if __name__ == "__main__":
    make_clock_skewable()
    from tests.support.command_server import main

    main()

"""Run a headgate command whose wall clock is wrong by SECONDS: `python -m tests.chaos.skewed_clock SECONDS COMMAND…`.

The functions are replaced in the modules, and the methods in the `datetime` type itself, before any other module is imported, so that the
whole process sees the same wrong time. The monotonic clock stays as it is.
"""

from __future__ import annotations

import ctypes
import datetime as standard
import gc
import sys
import time
from typing import Any


def skew_clock(seconds: float) -> None:
    """Shift the wall clock of this process: in `time`, and `now` and `utcnow` of `datetime`, whose other methods call `time`."""
    _skew_time(seconds)
    now, utcnow = standard.datetime.now, standard.datetime.utcnow
    offset = standard.timedelta(seconds=seconds)
    methods: dict[str, Any] = gc.get_referents(standard.datetime.__dict__)[0]
    methods["now"] = staticmethod(lambda tz=None: now(tz) + offset)
    methods["utcnow"] = staticmethod(lambda: utcnow() + offset)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(standard.datetime))


def _skew_time(seconds: float) -> None:
    read_ns, read_clock, local, utc, ctime = time.time_ns, time.clock_gettime, time.localtime, time.gmtime, time.ctime
    skew_ns = int(seconds * 1e9)
    time.time_ns = lambda: read_ns() + skew_ns
    time.time = lambda: time.time_ns() / 1e9
    time.clock_gettime = lambda clock: read_clock(clock) + (seconds if clock == time.CLOCK_REALTIME else 0.0)
    time.localtime = lambda at=None: local(time.time() if at is None else at)
    time.gmtime = lambda at=None: utc(time.time() if at is None else at)
    time.ctime = lambda at=None: ctime(time.time() if at is None else at)


if __name__ == "__main__":
    skew_clock(float(sys.argv.pop(1)))
    from entrypoints.cli.app import main

    main()

"""Run a headgate command whose clock is wrong by SECONDS: `python -m tests.chaos.skewed_clock SECONDS COMMAND…`.

The methods are replaced in the `datetime` type itself, so that every module sees the same wrong time.
"""

from __future__ import annotations

import ctypes
import datetime as standard
import gc
import sys
import time
from typing import Any


def skew_clock(seconds: float) -> None:
    """Shift time.time, time.time_ns, datetime.now and datetime.utcnow of this process."""
    real_time, real_ns = time.time, time.time_ns
    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)
    now, utcnow = standard.datetime.now, standard.datetime.utcnow
    offset = standard.timedelta(seconds=seconds)
    methods: dict[str, Any] = gc.get_referents(standard.datetime.__dict__)[0]
    methods["now"] = staticmethod(lambda tz=None: now(tz) + offset)
    methods["utcnow"] = staticmethod(lambda: utcnow() + offset)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(standard.datetime))


if __name__ == "__main__":
    skew_clock(float(sys.argv.pop(1)))
    from entrypoints.cli.app import main

    main()

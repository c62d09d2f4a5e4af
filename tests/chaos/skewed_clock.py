"""`python -m tests.chaos.skewed_clock SECONDS COMMAND…`: a headgate command whose wall clock is wrong by that much, from its start on.

The methods of `datetime` are replaced within the type itself, so that every module sees the same wrong time.
"""

from __future__ import annotations

import ctypes
import datetime as standard
import gc
import sys
import time
from typing import Any


def skew(seconds: float) -> None:
    """Shift time.time, time.time_ns, datetime.now and datetime.utcnow of this process."""
    right_time, right_ns = time.time, time.time_ns
    time.time = lambda: right_time() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)
    now, utcnow = standard.datetime.now, standard.datetime.utcnow
    by = standard.timedelta(seconds=seconds)
    methods: dict[str, Any] = gc.get_referents(standard.datetime.__dict__)[0]
    methods["now"] = staticmethod(lambda tz=None: now(tz) + by)
    methods["utcnow"] = staticmethod(lambda: utcnow() + by)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(standard.datetime))


if __name__ == "__main__":
    skew(float(sys.argv.pop(1)))
    from entrypoints.cli.app import main

    main()

"""A stage's function that uses ddtrace works within its attempt's span. Standard library only: nothing is loaded that it did not load."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any


def activate_trace_context() -> None:
    """Make the place named by TRACEPARENT and TRACESTATE the current one of the tracer that the stage imported, if it did."""
    headers = {name: os.environ[name.upper()] for name in ("traceparent", "tracestate") if os.environ.get(name.upper())}
    tracing: Any = sys.modules.get("ddtrace.trace")
    if tracing is None or "traceparent" not in headers:
        return
    with contextlib.suppress(Exception):  # whatever version that is: a trace is no reason for a stage to fail
        propagation = importlib.import_module("ddtrace.propagation.http")
        tracing.tracer.context_provider.activate(propagation.HTTPPropagator.extract(headers))

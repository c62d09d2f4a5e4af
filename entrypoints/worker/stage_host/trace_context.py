"""Let a stage's function that uses ddtrace continue its attempt's span. Imports ddtrace only if the function did."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any


def activate_trace_context() -> None:
    """Activate the context of TRACEPARENT and TRACESTATE in the tracer that the stage has imported, if any."""
    headers = {name: os.environ[name.upper()] for name in ("traceparent", "tracestate") if os.environ.get(name.upper())}
    tracing: Any = sys.modules.get("ddtrace.trace")
    if tracing is None or "traceparent" not in headers:
        return
    with contextlib.suppress(Exception):  # any version may be installed, and a trace must not fail a stage
        propagation = importlib.import_module("ddtrace.propagation.http")
        tracing.tracer.context_provider.activate(propagation.HTTPPropagator.extract(headers))

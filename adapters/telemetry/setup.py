"""On or off, decided once by each process before it imports what is patched."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import MutableMapping

from adapters.telemetry.null import NullTelemetry
from application.ports.telemetry.telemetry import Telemetry

_DEFAULTS = {
    "DD_SERVICE": "headgate",
    # Nothing is asked of the agent, or told to it, but what is ours.
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    # A statement carries the service's name; the trace's id in it would make every one of them new to PostgreSQL.
    "DD_DBM_PROPAGATION_MODE": "service",
    # Bytes of spans kept for an agent that is away or slow.
    "DD_TRACE_WRITER_BUFFER_SIZE_BYTES": str(8 * 1024 * 1024),
    "DD_TRACE_REMOVE_INTEGRATION_SERVICE_NAMES_ENABLED": "true",
}
_WORKERS = {
    # A killed worker must not take along what was finished.
    "DD_TRACE_PARTIAL_FLUSH_MIN_SPANS": "1",
}


def start_telemetry(process: str, setting: str, environment: MutableMapping[str, str] = os.environ) -> Telemetry:
    """Telemetry of this process (`web` or `worker`). Patches; so it is called before anything heavy is imported.

    Off unless an agent is named by DD_AGENT_HOST or DD_TRACE_AGENT_URL, or when `setting` says so: then ddtrace is not imported.
    """
    if not is_telemetry_enabled(setting, environment):
        return NullTelemetry()
    for name, value in (_DEFAULTS | (_WORKERS if process == "worker" else {})).items():
        environment.setdefault(name, value)
    environment.setdefault("DD_VERSION", _version())

    from adapters.telemetry.datadog import DatadogTelemetry
    from adapters.telemetry.dogstatsd import DogStatsdMetrics

    if environment.get("DD_TRACE_ENABLED", "true").lower() in ("false", "0"):
        return DatadogTelemetry(None, DogStatsdMetrics(environment))
    from adapters.telemetry.tracing import DatadogTracer, patch_web_libraries

    if process == "web":
        patch_web_libraries()
    return DatadogTelemetry(DatadogTracer(process), DogStatsdMetrics(environment))


def is_telemetry_enabled(setting: str, environment: MutableMapping[str, str]) -> bool:
    return setting != "off" and bool(environment.get("DD_AGENT_HOST") or environment.get("DD_TRACE_AGENT_URL"))


def _version() -> str:
    try:
        return importlib.metadata.version("headgate")
    except importlib.metadata.PackageNotFoundError:
        return "0"

"""Turns telemetry on or off, once per process, before the modules that ddtrace patches are imported."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping, MutableMapping
from urllib.parse import urlsplit

from adapters.proxies import exempt_local_hosts
from adapters.telemetry.null import NullTelemetry
from application.ports.telemetry.telemetry import Telemetry

_DEFAULTS = {
    "DD_SERVICE": "headgate",
    # Exchange nothing with the agent but traces and metrics.
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    # Add the service's name to SQL statements, but not the trace id: PostgreSQL would not recognize repeated statements.
    "DD_DBM_PROPAGATION_MODE": "service",
    # How many bytes of spans to keep while the agent is slow or down.
    "DD_TRACE_WRITER_BUFFER_SIZE_BYTES": str(8 * 1024 * 1024),
    "DD_TRACE_REMOVE_INTEGRATION_SERVICE_NAMES_ENABLED": "true",
}
_WORKER_DEFAULTS = {
    # Send spans as they finish, so that a killed worker does not lose those of the dispatch it was running.
    "DD_TRACE_PARTIAL_FLUSH_MIN_SPANS": "1",
}


def start_telemetry(process: str, setting: str, environment: MutableMapping[str, str] = os.environ) -> Telemetry:
    """Return the telemetry of this process (`web` or `worker`), and patch libraries. Call it before importing heavy modules.

    Telemetry is off unless DD_AGENT_HOST or DD_TRACE_AGENT_URL names an agent, and if `setting` is `off`. ddtrace is not imported then.
    """
    if not is_telemetry_enabled(setting, environment):
        return NullTelemetry()
    for name, value in (_DEFAULTS | (_WORKER_DEFAULTS if process == "worker" else {})).items():
        environment.setdefault(name, value)
    environment.setdefault("DD_VERSION", _get_version())
    # ddtrace would send spans through a proxy, also those for an agent on this machine.
    environment.update(exempt_local_hosts(environment, _find_agent_hosts(environment)))

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


def _find_agent_hosts(environment: Mapping[str, str]) -> list[str]:
    url = environment.get("DD_TRACE_AGENT_URL", "")
    try:
        hosts = [urlsplit(url).hostname, environment.get("DD_AGENT_HOST")]
    except ValueError:
        hosts = [environment.get("DD_AGENT_HOST")]
    return [host for host in hosts if host]


def _get_version() -> str:
    try:
        return importlib.metadata.version("headgate")
    except importlib.metadata.PackageNotFoundError:
        return "0"

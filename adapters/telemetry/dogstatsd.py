"""Sends metrics with DogStatsD."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from datadog.dogstatsd import DogStatsd

from adapters.telemetry.tag_limiter import TagValueLimiter
from application.observability.metrics import NAMESPACE, Metric
from application.ports.telemetry.telemetry import Tag

_MAX_WAITING_PACKETS = 256
_DEFAULT_PORT = 8125


class DogStatsdMetrics:
    """Sends datagrams from a background thread, and drops them if the agent does not read them. A call takes about 3 µs.

    The thread also resolves the agent's host name, so that a slow DNS server does not block the caller.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._tag_limiter = TagValueLimiter()
        self._statsd = DogStatsd(
            **_get_address(environment),
            namespace=NAMESPACE,
            disable_buffering=False,
            disable_telemetry=True,
            disable_background_sender=False,
            sender_queue_size=_MAX_WAITING_PACKETS,
            sender_queue_timeout=0,
        )

    def count(self, metric: Metric, value: int = 1, **tags: Tag) -> None:
        self._statsd.increment(metric.value, value, tags=self._format_tags(tags))

    def distribution(self, metric: Metric, value: float, **tags: Tag) -> None:
        self._statsd.distribution(metric.value, value, tags=self._format_tags(tags))

    def gauge(self, metric: Metric, value: float, **tags: Tag) -> None:
        self._statsd.gauge(metric.value, value, tags=self._format_tags(tags))

    def flush(self) -> None:
        self._statsd.flush_buffered_metrics()

    def _format_tags(self, tags: Mapping[str, Tag]) -> list[str]:
        return [f"{name}:{self._tag_limiter.limit(name, str(value))}" for name, value in tags.items() if value is not None]


def _get_address(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return DogStatsD's address if it follows from the trace agent's. The `datadog` package reads its own variables itself."""
    if environment.get("DD_DOGSTATSD_URL") or environment.get("DD_AGENT_HOST"):
        return {}
    agent = urlsplit(environment.get("DD_TRACE_AGENT_URL", ""))
    if agent.scheme == "unix":
        return {"socket_path": agent.path.replace("apm.socket", "dsd.socket")}
    port = environment.get("DD_DOGSTATSD_PORT", "")
    return {"host": agent.hostname or "localhost", "port": int(port) if port.isdigit() else _DEFAULT_PORT}

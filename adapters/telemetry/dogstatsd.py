"""Figures by DogStatsD: datagrams from a thread beside, dropped when nobody takes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from datadog.dogstatsd import DogStatsd

from adapters.telemetry.tag_limiter import TagValueLimiter
from application.observability.metrics import NAMESPACE, Metric
from application.ports.telemetry.telemetry import Tag

_WAITING_PACKETS = 256
_PORT = 8125


class DogStatsdMetrics:
    """Three microseconds a figure. The name of the agent's host is looked up in the sender's thread, so that a slow DNS is not felt."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._bounded = TagValueLimiter()
        self._statsd = DogStatsd(
            **_address(environment),
            namespace=NAMESPACE,
            disable_buffering=False,
            disable_telemetry=True,
            disable_background_sender=False,
            sender_queue_size=_WAITING_PACKETS,
            sender_queue_timeout=0,
        )

    def count(self, metric: Metric, value: int = 1, **tags: Tag) -> None:
        self._statsd.increment(metric.value, value, tags=self._listed(tags))

    def distribution(self, metric: Metric, value: float, **tags: Tag) -> None:
        self._statsd.distribution(metric.value, value, tags=self._listed(tags))

    def gauge(self, metric: Metric, value: float, **tags: Tag) -> None:
        self._statsd.gauge(metric.value, value, tags=self._listed(tags))

    def flush(self) -> None:
        self._statsd.flush_buffered_metrics()

    def _listed(self, tags: Mapping[str, Tag]) -> list[str]:
        return [f"{name}:{self._bounded.value(name, str(value))}" for name, value in tags.items() if value is not None]


def _address(environment: Mapping[str, str]) -> dict[str, Any]:
    """Where DogStatsD listens: its own variable if there is one, else the agent's host. `datadog` reads the others itself."""
    if environment.get("DD_DOGSTATSD_URL") or environment.get("DD_AGENT_HOST"):
        return {}
    agent = urlsplit(environment.get("DD_TRACE_AGENT_URL", ""))
    if agent.scheme == "unix":
        return {"socket_path": agent.path.replace("apm.socket", "dsd.socket")}
    port = environment.get("DD_DOGSTATSD_PORT", "")
    return {"host": agent.hostname or "localhost", "port": int(port) if port.isdigit() else _PORT}

"""Builds the event sinks that the settings configure."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from adapters.delivery.ci_events import CiEventSink
from adapters.delivery.openlineage import OpenLineageSink
from application.ports.system.clock import Clock


class EventSinkSettings(Protocol):
    @property
    def ci_events_url(self) -> str | None: ...
    @property
    def dd_api_key(self) -> SecretStr | None: ...
    @property
    def openlineage_url(self) -> str | None: ...
    @property
    def openlineage_api_key(self) -> SecretStr | None: ...
    @property
    def openlineage_namespace(self) -> str: ...
    @property
    def public_url(self) -> str: ...


def build_event_sinks(settings: EventSinkSettings, clock: Clock, env: str | None) -> list[CiEventSink | OpenLineageSink]:
    """Return the configured sinks, none by default. `env` is the environment's name in Datadog."""
    sinks: list[CiEventSink | OpenLineageSink] = []
    if settings.ci_events_url and settings.dd_api_key:
        sinks.append(CiEventSink(settings.ci_events_url, settings.dd_api_key.get_secret_value(), settings.public_url, env, clock))
    if settings.openlineage_url:
        key = settings.openlineage_api_key.get_secret_value() if settings.openlineage_api_key else None
        sinks.append(OpenLineageSink(settings.openlineage_url, key, settings.openlineage_namespace, settings.public_url))
    return sinks

"""The audiences that the settings name; none unless asked for."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from adapters.delivery.ci_events import CiEventSender
from adapters.delivery.openlineage import OpenLineage
from application.ports.system.clock import Clock


class AudienceSettings(Protocol):
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


def audiences(settings: AudienceSettings, clock: Clock, env: str | None) -> list[CiEventSender | OpenLineage]:
    """`env` is Datadog's name of this environment."""
    found: list[CiEventSender | OpenLineage] = []
    if settings.ci_events_url and settings.dd_api_key:
        found.append(CiEventSender(settings.ci_events_url, settings.dd_api_key.get_secret_value(), settings.public_url, env, clock))
    if settings.openlineage_url:
        key = settings.openlineage_api_key.get_secret_value() if settings.openlineage_api_key else None
        found.append(OpenLineage(settings.openlineage_url, key, settings.openlineage_namespace, settings.public_url))
    return found

"""Channels: where alert messages are sent."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.errors import InvalidInput
from domain.name_lists import MAX_CHOICES_NAMED, format_names
from domain.text_validation import describe_other_type

MAX_CHANNEL_NAME_LENGTH: Final = 63
CHANNEL_NAME: Final = re.compile(rf"[a-z0-9-]{{1,{MAX_CHANNEL_NAME_LENGTH}}}", re.ASCII)


class ChannelKind(StrEnum):
    """How a channel sends its messages."""

    APPRISE = "apprise"
    EMAIL = "email"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Channel:
    """A place that receives alert messages. Rules refer to it by name.

    `settings` are encrypted, `summary` is what people see of them. `fallback` is the channel that gets the messages that this one could
    not deliver. `drill` turns on the weekly test message. `proved_at` is when a recipient last confirmed a test message, `proved_seconds`
    how long that message took to arrive. `id` is 0 until the channel is stored.
    """

    id: int
    name: str
    kind: ChannelKind
    settings: bytes
    summary: str
    created_at: datetime
    created_by: str
    fallback: str | None = None
    drill: bool = False
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    proved_at: datetime | None = None
    proved_seconds: float | None = None

    @property
    def is_disabled(self) -> bool:
        return self.disabled_at is not None

    def disable(self, reason: str, now: datetime) -> "Channel":
        """Return the channel without further deliveries. The first reason and time stay."""
        return self if self.is_disabled else replace(self, disabled_at=now, disabled_reason=reason)

    def enable(self) -> "Channel":
        return replace(self, disabled_at=None, disabled_reason=None)

    def change_settings(self, kind: ChannelKind, settings: bytes, summary: str) -> "Channel":
        """Return the channel with other settings. It is enabled, and no longer proved: no test message has used these settings yet."""
        changed = replace(self, kind=kind, settings=settings, summary=summary, proved_at=None, proved_seconds=None)
        return changed.enable()

    def replace_encryption(self, settings: bytes) -> "Channel":
        """Return the channel with the same settings in another encryption."""
        return replace(self, settings=settings)

    def prove(self, now: datetime, seconds: float) -> "Channel":
        """Return the channel with the time at which a recipient confirmed a test message."""
        return replace(self, proved_at=now, proved_seconds=seconds)


def find_channel_name_problem(value: object) -> str | None:
    """Return why the value is not a channel's name, None if it is one."""
    if not isinstance(value, str):
        return describe_other_type(value)
    if CHANNEL_NAME.fullmatch(value) is None:
        return f"must be 1 to {MAX_CHANNEL_NAME_LENGTH} lower-case letters, digits and hyphens"
    return None


def parse_channel_name(value: object, field: str = "name") -> str:
    """Return the name. Raise InvalidInput."""
    if problem := find_channel_name_problem(value):
        raise InvalidInput.for_field(field, problem)
    return str(value)


def describe_unknown_channel(name: str, known: Collection[str]) -> str:
    """Return the problem of a name that none of the known channels has."""
    listed = format_names(sorted(known), shown=MAX_CHOICES_NAMED) or "none"
    return f"There is no channel named {name:.100}. Channels: {listed}."

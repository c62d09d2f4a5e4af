"""Alert rules: which events of a pipeline's runs are reported, and to which channels."""

import json
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from hashlib import sha256
from typing import Final

KEY_DIGITS: Final = 10
SITE_PREFIX: Final = "site:"


class AlertEvent(StrEnum):
    """What a rule can report."""

    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    """A run completed. It opens no incident."""
    RECOVERED = "recovered"
    """A run completed after one that did not. It opens no incident."""
    MISSED = "missed"
    """No run started for a time at which one was expected."""
    LATE = "late"
    """A run started after the grace period of its expectation."""
    OVERRUN = "overrun"
    """A run takes longer than its expectation allows."""
    WAITING = "waiting"
    """A run waits for an approval."""


NOTICES: Final = frozenset({AlertEvent.COMPLETED, AlertEvent.RECOVERED})
EXPECTATION_EVENTS: Final = frozenset({AlertEvent.MISSED, AlertEvent.LATE, AlertEvent.OVERRUN})


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """A channel. With `after`, it gets a message only if the incident is still open, and not acknowledged, after that many seconds."""

    channel: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours from `start` to `end` of each day in a time zone, in which messages are held back, except for the channels of `exempt`.

    They last over midnight if `end` is not after `start`, and all day if both are equal.
    """

    timezone: str
    start: time
    end: time
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule of a pipeline, or of the whole installation.

    `after` is the number of consecutive failures at which an incident opens. `remind` is in seconds; without it, nothing is repeated.
    `recovery` tells whether a message says that the incident is resolved.
    """

    on: tuple[AlertEvent, ...]
    to: tuple[RuleTarget, ...]
    name: str | None = None
    after: int = 1
    remind: float | None = None
    recovery: bool = True
    quiet: QuietHours | None = None

    @property
    def key(self) -> str:
        """The name of the rule within its pipeline; without a name, a hash of what differs from the defaults."""
        if self.name is not None:
            return self.name
        text = json.dumps(self._collect_changes(), sort_keys=True)
        return "rule-" + sha256(text.encode()).hexdigest()[:KEY_DIGITS]

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of its channels, in their order."""
        return tuple(dict.fromkeys(target.channel for target in self.to))

    @property
    def opens_incidents(self) -> bool:
        return not NOTICES.issuperset(self.on)

    def _collect_changes(self) -> dict[str, object]:
        """Return what differs from the defaults, so that a key that is added later does not change the hash of older rules."""
        quiet = self.quiet
        content = {
            "on": [event.value for event in self.on],
            "to": [[target.channel, target.after] for target in self.to],
            "after": self.after if self.after != 1 else None,
            "remind": self.remind,
            "recovery": False if not self.recovery else None,
            "quiet": [quiet.timezone, quiet.start.isoformat(), quiet.end.isoformat(), quiet.exempt] if quiet else None,
        }
        return {key: value for key, value in content.items() if value is not None}


@dataclass(frozen=True, slots=True)
class SiteRule:
    """A rule for all pipelines with one of the tags; for all pipelines without tags. Its rule has a name."""

    id: int
    rule: AlertRule
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{SITE_PREFIX}{self.rule.name}"

    def applies_to(self, tags: tuple[str, ...]) -> bool:
        """Return True if a pipeline with these tags has the rule."""
        return not self.tags or not set(self.tags).isdisjoint(tags)

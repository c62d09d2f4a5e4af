"""What the planner knows about a message. The text is composed from it when the message is sent for the first time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Self

from domain.alerts.rule import AlertEvent, AlertRule, QuietHours


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """Facts of the moment at which a message was planned; later changes of the rule or the pipeline do not change them.

    `remind` is in seconds. `after` is how long an escalation waited. `incident_ids` are those of a digest, `count` is how many there are.
    `actor` asked for a test of `channel`, which is also the name of a channel that does not work.
    """

    pipeline: str | None = None
    tags: tuple[str, ...] = ()
    event: AlertEvent | None = None
    run_id: int | None = None
    rule_key: str = ""
    quiet: QuietHours | None = None
    remind: float | None = None
    recovery: bool = True
    after: float = 0.0
    incident_ids: tuple[int, ...] = ()
    count: int = 0
    actor: str | None = None
    channel: str | None = None

    @classmethod
    def from_rule(cls, rule: AlertRule | None, **facts: Any) -> Self:
        if rule is None:
            return cls(**facts)
        return cls(rule_key=rule.key, quiet=rule.quiet, remind=rule.remind, recovery=rule.recovery, **facts)

    def as_json(self) -> dict[str, Any]:
        return {
            "pipeline": self.pipeline,
            "tags": list(self.tags),
            "event": self.event.value if self.event else None,
            "run_id": self.run_id,
            "rule": self.rule_key,
            "quiet": _serialize_quiet(self.quiet),
            "remind": self.remind,
            "recovery": self.recovery,
            "after": self.after,
            "incident_ids": list(self.incident_ids),
            "count": self.count,
            "actor": self.actor,
            "channel": self.channel,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the facts; empty ones if another version of Headgate stored facts that this one cannot read."""
        try:
            return cls._parse(stored)
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()

    @classmethod
    def _parse(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            stored.get("pipeline"),
            tuple(stored.get("tags", ())),
            AlertEvent(stored["event"]) if stored.get("event") else None,
            stored.get("run_id"),
            stored.get("rule", ""),
            _parse_quiet(stored.get("quiet")),
            stored.get("remind"),
            stored.get("recovery", True),
            stored.get("after", 0.0),
            tuple(stored.get("incident_ids", ())),
            stored.get("count", 0),
            stored.get("actor"),
            stored.get("channel"),
        )


def _serialize_quiet(quiet: QuietHours | None) -> dict[str, Any] | None:
    if quiet is None:
        return None
    return {"timezone": quiet.timezone, "from": quiet.start.isoformat(), "to": quiet.end.isoformat(), "except": list(quiet.exempt)}


def _parse_quiet(stored: Mapping[str, Any] | None) -> QuietHours | None:
    if stored is None:
        return None
    return QuietHours(stored["timezone"], time.fromisoformat(stored["from"]), time.fromisoformat(stored["to"]), tuple(stored["except"]))

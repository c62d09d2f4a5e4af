"""Serialize alert rules as definitions write them."""

from typing import Any

from domain.alerts.rule import AlertRule, QuietHours


def serialize_rule(rule: AlertRule) -> dict[str, Any]:
    """Return the keys of an entry of `alerts`, with all defaults."""
    return {
        "name": rule.name,
        "on": [event.value for event in rule.on],
        "after": rule.after,
        "to": [{"channel": target.channel, "after": target.after} for target in rule.to],
        "remind": rule.remind,
        "recovery": rule.recovery,
        "quiet": _serialize_quiet(rule.quiet) if rule.quiet is not None else None,
    }


def _serialize_quiet(quiet: QuietHours) -> dict[str, Any]:
    return {
        "timezone": quiet.timezone,
        "from": quiet.start.isoformat("minutes"),
        "to": quiet.end.isoformat("minutes"),
        "except": list(quiet.exempt),
    }

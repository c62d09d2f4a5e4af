"""Parse the key `alerts` of a pipeline, and rules for all pipelines."""

import re
from collections.abc import Mapping
from datetime import time
from typing import Any, Final

from domain.alerts.channel import find_channel_name_problem
from domain.alerts.rule import AlertEvent, AlertRule, QuietHours, RuleTarget
from domain.errors import InvalidInput
from domain.pipelines.field_parser import FieldParser
from domain.schedules.definition import DEFAULT_ZONE
from domain.schedules.zones import find_zone_problem

MAX_RULES: Final = 20
MAX_TARGETS: Final = 20
MAX_AFTER: Final = 100
MIN_REMIND: Final = 60.0
RULE_KEYS: Final = frozenset({"name", "on", "after", "to", "remind", "recovery", "quiet"})
TARGET_KEYS: Final = frozenset({"channel", "after"})
QUIET_KEYS: Final = frozenset({"timezone", "from", "to", "except"})
TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def parse_alerts(pipeline: FieldParser) -> tuple[AlertRule, ...]:
    """Return the rules of a definition, and add its problems to those of the pipeline."""
    raw = pipeline.raw.get("alerts")
    if raw is None:
        return ()
    if not isinstance(raw, list) or len(raw) > MAX_RULES:
        pipeline.add_problem("alerts", f"must be a list of at most {MAX_RULES} rules")
        return ()
    rules, keys = [], set[str]()
    for index, item in enumerate(raw):
        if not isinstance(item, Mapping):
            pipeline.add_problem(f"alerts[{index}]", "must be an object with the keys on and to")
            continue
        fields = FieldParser(item, f"alerts[{index}].", pipeline.problems)
        rule = _parse_rule(fields)
        if not fields.has_problem_in("") and rule.key in keys:
            what = f"another rule has the name {rule.name}" if rule.name else "another rule has the same content"
            pipeline.add_problem(f"alerts[{index}]" + (".name" if rule.name else ""), what)
        keys.add(rule.key)
        rules.append(rule)
    return tuple(rules)


def parse_rule(raw: Mapping[str, Any], path: str = "") -> AlertRule:
    """Return a rule. `path` is the prefix of its keys in problems. Raises InvalidInput with every invalid field."""
    fields = FieldParser(raw, path)
    rule = _parse_rule(fields)
    if fields.problems:
        raise InvalidInput(fields.problems)
    return rule


def restore_rule(raw: Mapping[str, Any]) -> AlertRule:
    """Return a stored rule without validating it again. Values that would be refused today are replaced by their defaults."""
    return _parse_rule(FieldParser(raw, ""))


def _parse_rule(fields: FieldParser) -> AlertRule:
    fields.reject_unknown_keys(RULE_KEYS)
    targets = _parse_targets(fields)
    return AlertRule(
        on=_parse_events(fields),
        to=targets,
        name=fields.parse_name("name") or None if fields.raw.get("name") is not None else None,
        after=fields.parse_integer("after", 1, 1, MAX_AFTER),
        remind=_parse_remind(fields),
        recovery=fields.parse_flag("recovery") if "recovery" in fields.raw else True,
        quiet=_parse_quiet(fields, {target.channel for target in targets}),
    )


def _parse_events(fields: FieldParser) -> tuple[AlertEvent, ...]:
    known = {event.value: event for event in AlertEvent}
    value = fields.raw.get("on")
    if isinstance(value, list) and value and all(isinstance(item, str) and item in known for item in value):
        return tuple(dict.fromkeys(known[item] for item in value))
    fields.add_problem("on", "must be a list of at least one of " + ", ".join(known))
    return ()


def _parse_targets(fields: FieldParser) -> tuple[RuleTarget, ...]:
    value = fields.raw.get("to")
    if not isinstance(value, list) or not 0 < len(value) <= MAX_TARGETS:
        fields.add_problem("to", f"must be a list of 1 to {MAX_TARGETS} channels, such as [team, {{channel: pager, after: 30m}}]")
        return ()
    targets: list[RuleTarget] = []
    for index, item in enumerate(value):
        target = _parse_target(fields, f"to[{index}]", item)
        if target in targets:
            fields.add_problem(f"to[{index}]", f"repeats the channel {target.channel} with the same after")
        elif target is not None:
            targets.append(target)
    return tuple(targets)


def _parse_target(fields: FieldParser, key: str, item: object) -> RuleTarget | None:
    if not isinstance(item, str | Mapping):
        fields.add_problem(key, "must be the name of a channel, or an object such as {channel: pager, after: 30m}")
        return None
    target = FieldParser({"channel": item} if isinstance(item, str) else item, f"{fields.path}{key}.", fields.problems)
    target.reject_unknown_keys(TARGET_KEYS)
    after = target.parse_duration("after", 0.0)
    name = target.raw.get("channel")
    if problem := find_channel_name_problem(name):
        fields.add_problem(key if isinstance(item, str) else f"{key}.channel", problem)
        return None
    return RuleTarget(str(name), after)


def _parse_remind(fields: FieldParser) -> float | None:
    if fields.raw.get("remind") is None:
        return None
    seconds = fields.parse_duration("remind", MIN_REMIND)
    if seconds < MIN_REMIND:
        fields.add_problem("remind", "must be at least 1m")
    return seconds


def _parse_quiet(fields: FieldParser, channels: set[str]) -> QuietHours | None:
    raw = fields.raw.get("quiet")
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        fields.add_problem("quiet", 'must be an object such as {timezone: Europe/Berlin, from: "22:00", to: "07:00"}')
        return None
    quiet = FieldParser(raw, f"{fields.path}quiet.", fields.problems)
    quiet.reject_unknown_keys(QUIET_KEYS)
    zone = quiet.parse_text("timezone", DEFAULT_ZONE, 100)
    if problem := find_zone_problem(zone):
        quiet.add_problem("timezone", problem)
        zone = DEFAULT_ZONE
    exempt = quiet.parse_names("except", MAX_TARGETS)
    for index, name in enumerate(exempt):
        if name not in channels:
            quiet.add_problem(f"except[{index}]", f"names {name:.100}, which is not a channel of this rule")
    return QuietHours(zone, _parse_time(quiet, "from"), _parse_time(quiet, "to"), exempt)


def _parse_time(fields: FieldParser, key: str) -> time:
    value = fields.raw.get(key)
    if isinstance(value, str) and TIME.fullmatch(value):
        return time.fromisoformat(value)
    fields.add_problem(key, 'must be a time in quotes, such as "22:00"')
    return time.min

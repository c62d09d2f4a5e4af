"""Describe what changed between two revisions of a pipeline."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from domain.pipelines.field_parser import ALL_STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS
from domain.schedules.parsing import SCHEDULE_KEYS

_KEYS_IN_SECONDS = frozenset({"timeout", "retry_delay", "every", "offset", "jitter", "catch_up_window"})
_MAX_VALUE_LENGTH = 30
_NEW_KEYS: Mapping[str, Any] = {"expect": [], "concurrency": [], "priority": 0, "alerts": []}
"""Keys that older versions did not return."""
_NEW_STAGE_KEYS: Mapping[str, Any] = {"uses": [], "hold": False}


def diff_revisions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one phrase per change from `old` to `new`: the name, stages and schedules, then the pipeline's own keys.

    Both are definitions as the API returns them, for example `added stage export` or `changed stage a (retries 1 → 3)`.
    """
    old, new = ({**_NEW_KEYS, **revision} for revision in (old, new))
    before, after = ({stage["name"]: {**_NEW_STAGE_KEYS, **stage} for stage in revision["stages"]} for revision in (old, new))
    changes = [f"added stage {name}" for name in after if name not in before]
    changes += [f"removed stage {name}" for name in before if name not in after]
    for name in after:
        if name in before and (changed := _describe_changed_keys(before[name], after[name], ALL_STAGE_KEYS - {"name"})):
            changes.append(f"changed stage {name} ({', '.join(changed)})")
    if not changes and list(before) != list(after):
        changes.append("changed the order of the stages")
    changes += _diff_schedules(old, new)
    if old.get("name") != new.get("name"):
        changes.insert(0, f"renamed {old.get('name')} to {new.get('name')}")
    return changes + [f"changed {change}" for change in _describe_changed_keys(old, new, PIPELINE_KEYS - {"name", "stages", "schedules"})]


def _diff_schedules(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, after = ({schedule["name"]: schedule for schedule in revision.get("schedules", ())} for revision in (old, new))
    changes = [f"added schedule {name}" for name in after if name not in before]
    changes += [f"removed schedule {name}" for name in before if name not in after]
    for name in after:
        if name in before and (changed := _describe_changed_keys(before[name], after[name], SCHEDULE_KEYS - {"name"})):
            changes.append(f"changed schedule {name} ({', '.join(changed)})")
    return changes


def _describe_changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    return [_describe_change(key, old.get(key), new.get(key)) for key in sorted(keys) if old.get(key) != new.get(key)]


def _describe_change(key: str, old: object, new: object) -> str:
    """Show both values if they are short; otherwise name the key only."""
    values = [_format_value(key, value) for value in (old, new)]
    return f"{key} {values[0]} → {values[1]}" if all(len(text) <= _MAX_VALUE_LENGTH for text in values) else key


def _format_value(key: str, value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    unit = " s" if key in _KEYS_IN_SECONDS and value is not None else ""
    return f"{json.dumps(value, ensure_ascii=False)}{unit}"

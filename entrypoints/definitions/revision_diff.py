"""Describe what changed between two revisions of a pipeline."""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from domain.pipelines.field_parser import ALL_STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS
from domain.pipelines.renames import find_renames
from domain.schedules.parsing import SCHEDULE_KEYS

_KEYS_IN_SECONDS = frozenset({"timeout", "retry_delay", "every", "offset", "jitter", "catch_up_window"})
_MAX_VALUE_LENGTH = 30
_NEW_KEYS: Mapping[str, Any] = {"expect": [], "concurrency": [], "priority": 0, "alerts": []}
"""Keys that older versions did not return."""
_NEW_STAGE_KEYS: Mapping[str, Any] = {"uses": [], "hold": False}


def diff_revisions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one phrase per change from `old` to `new`: the name, stages and schedules, then the pipeline's own keys.

    Both are definitions as the API returns them, for example `renamed stage load to import` or `changed stage a (retries 1 → 3)`.
    """
    old, new = ({**_NEW_KEYS, **revision} for revision in (old, new))
    before, after = ([{**_NEW_STAGE_KEYS, **stage} for stage in revision["stages"]] for revision in (old, new))
    changes = _diff_named("stage", before, after, ALL_STAGE_KEYS)
    if not changes and [stage["name"] for stage in before] != [stage["name"] for stage in after]:
        changes.append("changed the order of the stages")
    changes += _diff_named("schedule", old.get("schedules", ()), new.get("schedules", ()), SCHEDULE_KEYS)
    if old.get("name") != new.get("name"):
        changes.insert(0, f"renamed {old.get('name')} to {new.get('name')}")
    return changes + _diff_pipeline_keys(old, new)


def _diff_named(noun: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], keys: Set[str]) -> list[str]:
    """Return the changes of stages or schedules: renamed, added, removed and changed ones."""
    renames = find_renames(before, after)
    new_names = {old: new for new, old in renames.items()}
    old_by_name = {new_names.get(item["name"], item["name"]): _rename_needs(item, new_names) for item in before}
    new_by_name = {item["name"]: item for item in after}
    changes = [f"renamed {noun} {old} to {new}" for new, old in renames.items()]
    changes += [f"added {noun} {name}" for name in new_by_name if name not in old_by_name]
    changes += [f"removed {noun} {name}" for name in old_by_name if name not in new_by_name]
    for name, item in new_by_name.items():
        if name in old_by_name and (changed := _describe_changed_keys(old_by_name[name], item, keys - {"name"})):
            changes.append(f"changed {noun} {name} ({', '.join(changed)})")
    return changes


def _rename_needs(item: Mapping[str, Any], new_names: Mapping[str, str]) -> Mapping[str, Any]:
    return {**item, "needs": [new_names.get(name, name) for name in item["needs"]]} if item.get("needs") else item


def _diff_pipeline_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the changes of other keys. Alert rules that only have other names are renamed."""
    renames = find_renames(old["alerts"], new["alerts"])
    named = [{**rule, "name": {old: new for new, old in renames.items()}.get(rule["name"], rule["name"])} for rule in old["alerts"]]
    changes = [f"renamed alert rule {before} to {after}" for after, before in renames.items()]
    changed = _describe_changed_keys({**old, "alerts": named}, new, PIPELINE_KEYS - {"name", "stages", "schedules"})
    return changes + [f"changed {change}" for change in changed]


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

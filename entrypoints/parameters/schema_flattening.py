"""Gather the keywords that apply to one value: a subschema's own, and those behind `$ref`, `allOf`, `anyOf` and `oneOf`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

CHOICES = "\0choices"
"""The key of choices that alternatives have in common. No stored schema has a key with a NUL."""
_MAX_SUBSCHEMAS = 100
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a parameter may have, with its title if the schema gives one."""

    value: Any
    title: str = ""


def get_types(rule: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the types that are accepted; empty if any type is."""
    types = rule.get("type", [])
    return frozenset([types] if isinstance(types, str) else [each for each in types if isinstance(each, str)])


def get_choices(rule: Mapping[str, Any]) -> Sequence[Choice] | None:
    """Return the values of flattened keywords that list them, or None."""
    if "const" in rule:
        return [Choice(rule["const"], get_text(rule, "title"))]
    if isinstance(rule.get("enum"), list):
        return [Choice(value) for value in rule["enum"]]
    found: Sequence[Choice] | None = rule.get(CHOICES)
    return found


def get_text(rule: Mapping[str, Any], keyword: str) -> str:
    """Return the keyword's text without spaces around it, or nothing."""
    value = rule.get(keyword)
    return value.strip() if isinstance(value, str) else ""


class SchemaFlattener:
    """Flattens subschemas of one schema. It flattens what a `$ref` leads to once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._by_reference: dict[str, dict[str, Any]] = {}

    def flatten(self, rule: object) -> dict[str, Any]:
        """Return the keywords of `rule`. Its default is the one that a run gets."""
        flat = self._flatten(rule, 0)
        default = _find_default(rule, self._root)
        return {key: value for key, value in flat.items() if key != "default"} | default

    def _flatten(self, rule: object, depth: int) -> dict[str, Any]:
        if not isinstance(rule, Mapping) or depth > _MAX_DEPTH:
            return {}
        parts: list[Mapping[str, Any]] = [self._flatten(part, depth + 1) for part in _get_list(rule, "allOf")]
        if isinstance(rule.get("$ref"), str):
            parts.append(self._flatten_reference(rule["$ref"], depth))
        own = {key: value for key, value in rule.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
        for keyword in ("anyOf", "oneOf"):
            if branches := [self._flatten(branch, depth + 1) for branch in _get_list(rule, keyword)]:
                parts.append(_join_branches(branches))
        return _merge([own, *parts])

    def _flatten_reference(self, reference: str, depth: int) -> dict[str, Any]:
        if reference not in self._by_reference:
            self._by_reference[reference] = {}  # what a schema that contains itself finds
            self._by_reference[reference] = self._flatten(_look_up(reference, self._root), depth + 1)
        return self._by_reference[reference]


def _find_default(rule: object, root: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword `default` if there is one: the rule's own, else the nearest behind `allOf` and `$ref`."""
    waiting: list[object] = [rule]
    seen: set[int] = set()
    while waiting and len(seen) <= _MAX_SUBSCHEMAS:
        each = waiting.pop(0)
        if not isinstance(each, Mapping) or id(each) in seen:
            continue
        seen.add(id(each))
        if "default" in each:
            return {"default": each["default"]}
        waiting += _get_list(each, "allOf")
        if isinstance(each.get("$ref"), str):
            waiting.append(_look_up(each["$ref"], root))
    return {}


def _merge(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the keywords of all parts. An earlier part wins, except that properties and required names are joined."""
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            before = merged.get(key)
            if key == "properties" and isinstance(before, Mapping) and isinstance(value, Mapping):
                merged[key] = _join_properties(before, value)
            elif key == "required" and isinstance(before, list) and isinstance(value, list):
                merged[key] = list(dict.fromkeys(name for name in [*before, *value] if isinstance(name, str)))
            else:
                merged.setdefault(key, value)
    return merged


def _join_properties(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of both. Where both describe a name, both apply, the first one before."""
    both = {name: {"allOf": [first[name], second[name]]} for name in first if name in second and first[name] is not second[name]}
    return {**second, **first, **both}


def _join_branches(branches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the alternatives have in common: their choices, or their types. The single one beside null keeps its other keywords.

    Defaults of alternatives are not applied, so they are left out.
    """
    choices = [get_choices(branch) for branch in branches]
    nulls = [_is_null(branch) for branch in branches]
    if any(found is not None for found in choices) and all(found is not None or null for found, null in zip(choices, nulls, strict=True)):
        return {CHOICES: [choice for found in choices for choice in (found if found is not None else [Choice(None)])]}
    types = [get_types(branch) for branch in branches]
    joined: dict[str, Any] = {"type": sorted(frozenset().union(*types))} if all(types) else {}
    others = [branch for branch, null in zip(branches, nulls, strict=True) if not null]
    return {key: value for key, value in others[0].items() if key != "default"} | joined if len(others) == 1 else joined


def _is_null(branch: Mapping[str, Any]) -> bool:
    return get_types(branch) == {"null"} or ("const" in branch and branch["const"] is None)


def _look_up(reference: str, root: Mapping[str, Any]) -> object:
    """Return the schema that a reference within the schema leads to, or None."""
    fragment = unquote(reference.removeprefix("#"))
    if not reference.startswith("#"):
        return None
    if fragment and not fragment.startswith("/"):
        return next((each for each in _list_definitions(root) if each.get("$anchor") == fragment), None)
    value: Any = root
    for part in fragment.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(key)] if key.isdecimal() and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _list_definitions(root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    groups = [root.get(keyword) for keyword in ("$defs", "definitions", "properties")]
    return [rule for group in groups if isinstance(group, Mapping) for rule in group.values() if isinstance(rule, Mapping)]


def _get_list(rule: Mapping[str, Any], keyword: str) -> list[Any]:
    value = rule.get(keyword)
    return value if isinstance(value, list) else []

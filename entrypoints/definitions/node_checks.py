"""Check the nodes of a YAML document before they become values: only here are the lines and the author's spelling known."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import yaml

from domain.storable_json import BIGINT_RANGE
from domain.text_validation import MAX_JSON_DEPTH

MAX_NODES = 50_000
MAX_CHARACTERS = 8_000_000
_MAX_PROBLEMS = 10
_PREFIX = "tag:yaml.org,2002:"
_MERGE = f"{_PREFIX}merge"
_STR, _INT, _FLOAT, _BOOL, _NULL = (f"{_PREFIX}{name}" for name in ("str", "int", "float", "bool", "null"))
_TAGS = frozenset({_STR, _INT, _FLOAT, _BOOL, _NULL, f"{_PREFIX}map", f"{_PREFIX}seq"})
_PIPELINE_TEXTS = frozenset({"name", "description", "pool"})
_STAGE_TEXTS = frozenset({"name", "kind", "when", "command", "callable", "workdir", "message", "url", "method"})
_SCHEDULE_TEXTS = frozenset({"name", "cron", "timezone", "at", "start", "end", "catch_up", "overlap"})
_QUIET_TEXTS = frozenset({"timezone", "from", "to"})
_TEXT_LISTS = frozenset({"command", "needs", "approvers", "tags", "secrets"})
_TEXT_MAPS = frozenset({"env", "secrets", "headers"})


_MAX_INT_LENGTH = 100
_OTHER_BASE = re.compile(r"[-+]?(0[0-7_]+$|[0-9_.]+:)")
"""Octal numbers such as 010, which is 8, and numbers of base 60 such as 12:30:45, which is 45045."""


class _NodeProblem(NamedTuple):
    """A sentence with the place of its node, and the line of that place."""

    sentence: str
    line: int


class InvalidNode(Exception):
    """Nodes that are no part of a definition. The message names the line and the path of each; `line` is that of the first."""

    def __init__(self, *problems: _NodeProblem) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.line = problems[0].line


@dataclass(frozen=True, slots=True)
class _Place:
    """A position in a definition: the keys and indexes that lead to it."""

    keys: tuple[str | int, ...] = ()

    def __truediv__(self, key: str | int) -> "_Place":
        return _Place((*self.keys, key))

    def __str__(self) -> str:
        parts = (f"[{key}]" if isinstance(key, int) else f".{key:.60}" for key in self.keys)
        return "".join(parts).removeprefix(".") or "the definition"

    @property
    def is_alert_rule(self) -> bool:
        match self.keys:
            case ("alerts", int()):
                return True
        return False

    @property
    def is_text(self) -> bool:
        """True if only text is valid here."""
        match self.keys:
            case (str() as key,):
                return key in _PIPELINE_TEXTS
            case ("tags", int()) | ("env", str()):
                return True
            case ("stages", int(), str() as key):
                return key in _STAGE_TEXTS
            case ("schedules" | "expect", int(), str() as key):
                return key in _SCHEDULE_TEXTS
            case ("alerts", int(), "name") | ("alerts", int(), "on" | "to", int()) | ("alerts", int(), "to", int(), "channel"):
                return True
            case ("alerts", int(), "quiet", str() as key):
                return key in _QUIET_TEXTS
            case ("stages", int(), str() as key, int()):
                return key in _TEXT_LISTS
            case ("stages", int(), str() as key, str()):
                return key in _TEXT_MAPS
        return False


def check_document(root: yaml.Node) -> None:
    """Raise InvalidNode with the first nodes that are no part of a definition."""
    _check_size(root)
    if problems := list(islice(_find_problems(root, _Place()), _MAX_PROBLEMS)):
        raise InvalidNode(*problems)


def _check_size(root: yaml.Node) -> None:
    """Count what aliases expand to: a few of them can expand to more than memory holds."""
    sizes: dict[int, tuple[int, int] | None] = {}

    def measure(node: yaml.Node, depth: int) -> tuple[int, int]:
        """Return the number of values and of characters."""
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise InvalidNode(_at(node, "an alias contains itself"))
            return known
        if depth > MAX_JSON_DEPTH:
            raise InvalidNode(_at(node, "the definition is nested too deeply"))
        sizes[id(node)] = None
        parts = [measure(child, depth + 1) for child in _list_children(node)]
        values = 1 + sum(count for count, _ in parts)
        characters = sum(count for _, count in parts) + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
        if values > MAX_NODES:
            raise InvalidNode(_at(node, f"has more than {MAX_NODES:,} values, with its aliases expanded"))
        if characters > MAX_CHARACTERS:
            raise InvalidNode(_at(node, f"has more than {MAX_CHARACTERS:,} characters, with its aliases expanded"))
        sizes[id(node)] = values, characters
        return values, characters

    measure(root, 0)


def _list_children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _find_problems(node: yaml.Node, place: _Place) -> Iterator[_NodeProblem]:
    if node.tag not in _TAGS:
        yield _at(node, f"{place} has the tag {node.tag.replace(_PREFIX, '!!'):.60}, which is not supported")
    elif isinstance(node, yaml.MappingNode):
        yield from _find_mapping_problems(node, place)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _find_problems(item, place / index)
    elif isinstance(node, yaml.ScalarNode):
        yield from _find_scalar_problems(node, place)


def _find_mapping_problems(node: yaml.MappingNode, place: _Place) -> Iterator[_NodeProblem]:
    lines: dict[str, int] = {}
    for key, value in node.value:
        if key.tag == _BOOL and key.value == "on" and place.is_alert_rule:
            key.tag = _STR  # YAML 1.1 reads the key `on` as true
        if key.tag == _MERGE:
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                yield from _find_problems(merged, place)
        elif not isinstance(key, yaml.ScalarNode):
            yield _at(key, "a key is a list or an object; keys must be text")
        elif key.tag != _STR:
            yield _at(key, f"the key {key.value:.60} is {_describe(key)}; keys must be text: put it in quotes")
        elif key.value in lines:
            yield _at(key, f"duplicate key {key.value:.60} in {place}; it is on line {lines[key.value]} already")
        else:
            lines[key.value] = key.start_mark.line + 1
            yield from _find_problems(value, place / key.value)


def _find_scalar_problems(node: yaml.ScalarNode, place: _Place) -> Iterator[_NodeProblem]:
    is_left_out = node.tag == _NULL and len(place.keys) in (1, 3)  # `workdir:` without a value is the same as no workdir
    if place.is_text and node.tag != _STR and not is_left_out:
        yield _at(node, f"{place} is {_describe(node)}: put it in quotes")
    elif node.tag == _FLOAT and not _is_finite(node.value):
        yield _at(node, f"{place} is {node.value:.20}, which JSON cannot represent")
    elif node.tag == _INT and (len(node.value) > _MAX_INT_LENGTH or yaml.safe_load(node.value) not in BIGINT_RANGE):
        yield _at(node, f"{place} cannot be read: numbers have at most 64 bits; put it in quotes if it is text")
    elif node.tag in (_INT, _FLOAT) and _OTHER_BASE.match(node.value):
        yield _at(node, f"{place} is {_describe(node)}: put it in quotes, or write the number")


def _at(node: yaml.Node, message: str) -> _NodeProblem:
    line = node.start_mark.line + 1
    return _NodeProblem(f"line {line}, column {node.start_mark.column + 1}: {message}", line)


def _describe(node: yaml.ScalarNode) -> str:
    written = f"{node.value:.40}"
    if node.tag == _NULL:
        return f"null, written {written}" if written else "empty, which is null"
    if node.tag == _BOOL:
        name = "true" if node.value.lower() in ("yes", "true", "on") else "false"
        return name if written == name else f"{name}, written {written}"
    value = str(yaml.safe_load(written)) if node.tag in (_INT, _FLOAT) else written
    return f"the number {value}" if value == written else f"the number {value:.40}, written {written}"


def _is_finite(written: str) -> bool:
    value = yaml.safe_load(written)
    return not isinstance(value, float) or math.isfinite(value)

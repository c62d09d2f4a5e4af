"""Estimate the work of checking a value against a schema, before it is done.

The estimate is an upper bound in steps of about 16 ns. It counts, for each level of a value, how many subschemas can apply to one value.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import orjson

from adapters.system.json_schema.patterns import count_steps_per_character
from adapters.system.json_schema.schema_graph import ROOT, Path, SchemaGraph, SchemaNode

MAX_STEPS = 4_000_000
"""What is checked in about 60 ms."""
MAX_LEVELS = 64
_MAX_VISITS = 20_000
_MAX_STEPS_OF_ONE_VALUE = 100_000
_FORMAT_STEPS = {"idn-hostname": 20, "idn-email": 20}
_OTHER_FORMAT_STEPS = 2
_UNREADABLE_PATTERN_STEPS = 4_000


class SchemaTooComplex(Exception):
    """The schema's subschemas combine in too many ways, or refer to themselves for the same value."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The most steps for one value, and more for one object or array and for each character."""

    value: float = 0
    container: float = 0
    character: float = 0

    def __add__(self, other: "Steps") -> "Steps":
        return Steps(self.value + other.value, self.container + other.container, self.character + other.character)

    def multiply(self, factor: float) -> "Steps":
        return Steps(self.value * factor, self.container * factor, self.character * factor)

    def max(self, other: "Steps") -> "Steps":
        return Steps(max(self.value, other.value), max(self.container, other.container), max(self.character, other.character))


class CheckCost:
    """The steps for each level of a value that is checked against one of the subschemas in `starts`. Raise SchemaTooComplex."""

    def __init__(self, graph: SchemaGraph, starts: Iterable[Path] = (ROOT,)) -> None:
        self._graph = graph
        self._check_completeness()
        self._order = {path: index for index, path in enumerate(_sort_by_dependency(graph))}
        self._paths = list(self._order)
        self._weights = {path: _weigh(node) for path, node in graph.nodes.items()}
        self._visits = 0
        self._check_combinations()
        self.levels: Sequence[Steps] = list(self._compute_levels([{path: 1} for path in starts]))

    def estimate(self, value: Any) -> float:
        """Return an upper bound of the steps that checking the value takes. A bound over MAX_STEPS may be too low."""
        size = _measure(value)
        highest = self.levels[-1]
        rough = (size / 2 + 1) * (highest.value + highest.container) + size * highest.character
        return rough if rough <= MAX_STEPS else self.estimate_by_level(value)

    def _check_completeness(self) -> None:
        """Raise SchemaTooComplex if the graph ends before the schema does. Such schemas were stored by earlier releases."""
        for node in self._graph.nodes.values():
            if any(other not in self._graph.nodes for other in (*node.same, *node.every, *node.named.values())):
                raise SchemaTooComplex

    def _check_combinations(self) -> None:
        """Raise SchemaTooComplex if one value takes too many steps, as `allOf` of references to `allOf` does."""
        totals: dict[Path, float] = {}
        for path in reversed(self._paths):
            totals[path] = self._weights[path].value + sum(totals[other] for other in self._graph.nodes[path].same)
            if totals[path] > _MAX_STEPS_OF_ONE_VALUE:
                raise SchemaTooComplex

    def estimate_by_level(self, value: Any) -> float:
        """Return a closer bound than `estimate`, which takes a walk through the value."""
        values, steps = [value], 0.0
        for level in [*self.levels, *repeat(self.levels[-1], MAX_LEVELS)]:
            containers = [item for item in values if isinstance(item, dict | list)]
            values_below: list[Any] = []
            characters = sum(len(item) for item in values if isinstance(item, str))
            for item in containers:
                values_below += item
                if isinstance(item, dict):
                    values_below += item.values()
                    characters += sum(map(len, item))
            steps += len(values) * level.value + len(containers) * level.container + characters * level.character
            values = values_below
            if steps > MAX_STEPS or not values:
                break
        return steps

    def _compute_levels(self, new: list[dict[Path, float]]) -> Iterator[Steps]:
        """Yield the highest steps of each level and those above it, until deeper levels add nothing. The last level stands for those."""
        seen: set[frozenset[tuple[Path, float]]] = set()
        highest = Steps()
        for _ in range(MAX_LEVELS):
            following: list[dict[Path, float]] = []
            for start in new:
                closed = self._close(start)
                highest = highest.max(self._sum(closed))
                following += self._step_down(closed)
            yield highest
            unseen = {key: start for start in following if (key := frozenset(start.items())) not in seen}
            seen |= unseen.keys()
            new = list(unseen.values())
            if not new or highest.value > MAX_STEPS:
                return

    def _close(self, start: Mapping[Path, float]) -> dict[Path, float]:
        """Return how often each subschema applies to the same value, with those that others include."""
        counts = dict(start)
        waiting = [self._order[path] for path in start]
        heapq.heapify(waiting)
        closed: dict[Path, float] = {}
        while waiting:
            path = self._paths[heapq.heappop(waiting)]
            if path in closed:
                continue
            closed[path] = count = min(counts[path], 1e9)
            node = self._graph.nodes[path]
            for other in node.same:
                counts[other] = counts.get(other, 0) + count
                heapq.heappush(waiting, self._order[other])
            self._visits += 1 + len(node.same)
            if self._visits > _MAX_VISITS:
                raise SchemaTooComplex
        return closed

    def _sum(self, counts: Mapping[Path, float]) -> Steps:
        total = Steps()
        for path, count in counts.items():
            total += self._weights[path].multiply(count)
        return total

    def _step_down(self, counts: Mapping[Path, float]) -> list[dict[Path, float]]:
        """Return how often each subschema applies to one property or item: for every name, and for those that no subschema names."""
        every: dict[Path, float] = {}
        named: dict[str, dict[Path, float]] = {}
        for path, count in counts.items():
            node = self._graph.nodes[path]
            for child in node.every:
                every[child] = every.get(child, 0) + count
            for name, child in node.named.items():
                named.setdefault(name, {})[child] = named.get(name, {}).get(child, 0) + count
        found = [_add(every, children) for children in named.values()]
        return found if named else [every] if every else []


def _measure(value: Any) -> int:
    """Return the length of the value in JSON."""
    try:
        return len(orjson.dumps(value))
    except TypeError:  # an integer of more than 64 bits
        return len(json.dumps(value))


def _add(first: Mapping[Path, float], second: Mapping[Path, float]) -> dict[Path, float]:
    return {path: first.get(path, 0) + second.get(path, 0) for path in {**first, **second}}


def _sort_by_dependency(graph: SchemaGraph) -> list[Path]:
    """Return the paths so that each comes before those that it applies to the same value. Raise SchemaTooComplex for a cycle."""
    found: list[Path] = []
    state: dict[Path, bool] = {}
    for start in graph.nodes:
        stack = [(start, iter(graph.nodes[start].same))] if start not in state else []
        state.setdefault(start, False)
        while stack:
            path, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                state[path] = True
                found.append(path)
            elif following not in state:
                state[following] = False
                stack.append((following, iter(graph.nodes[following].same)))
            elif not state[following]:
                raise SchemaTooComplex
    return found[::-1]


def _weigh(node: SchemaNode) -> Steps:
    schema = node.schema
    if not isinstance(schema, Mapping):
        return Steps(value=1)
    repeated = 2 if {"unevaluatedProperties", "unevaluatedItems"} & schema.keys() else 1
    listed = len(orjson.dumps([schema.get("enum"), schema.get("const")])) / 64 if "enum" in schema or "const" in schema else 0
    required = len(schema["required"]) if isinstance(schema.get("required"), list) else 0
    characters = float(_FORMAT_STEPS.get(str(schema["format"]), _OTHER_FORMAT_STEPS)) if "format" in schema else 0.0
    patterns = schema.get("patternProperties")
    for pattern in [schema.get("pattern"), *(patterns if isinstance(patterns, Mapping) else ())]:
        if isinstance(pattern, str):
            characters += count_steps_per_character(pattern) or _UNREADABLE_PATTERN_STEPS
    return Steps(1 + listed + len(schema), required + len(node.named), characters).multiply(repeated)

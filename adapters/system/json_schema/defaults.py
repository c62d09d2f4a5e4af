"""Fill in the defaults of a JSON Schema.

A property that is absent gets its `default`. Properties of nested objects and of list items do, too, and so do those behind `$ref` and
`allOf`. A required object without a default of its own is created if one of its properties has a default. Schemas that apply on a
condition (`anyOf`, `oneOf`, `if`) add no defaults.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from adapters.system.json_schema.schema_graph import ROOT, Path, SchemaGraph

MAX_DEFAULTS = 5_000
MAX_DEPTH = 32
_MISSING = object()


class DefaultsTooLarge(Exception):
    """The defaults would add too many values, or contain themselves."""


class Defaults:
    """The defaults of one schema."""

    def __init__(self, graph: SchemaGraph) -> None:
        self._graph = graph
        self._relevant = _find_nodes_with_defaults(graph)

    def apply(self, value: Any, path: Path = ROOT) -> Any:
        """Return the value with the defaults of the subschema at this path. Raise DefaultsTooLarge."""
        return _Filling(self._graph, self._relevant).fill(value, [path], 0)


class _Filling:
    """One value that is being filled in. It counts the defaults that it adds."""

    def __init__(self, graph: SchemaGraph, relevant: set[Path]) -> None:
        self._graph = graph
        self._relevant = relevant
        self._count = 0

    def fill(self, value: Any, paths: Sequence[Path], depth: int) -> Any:
        if not isinstance(value, dict | list) or self._relevant.isdisjoint(paths):
            return value
        schemas = self._list_applied(paths)
        if isinstance(value, list):
            return [self.fill(item, _list_item_schemas(schemas, index), depth + 1) for index, item in enumerate(value)]
        return self._fill_object(value, schemas, depth)

    def _fill_object(self, value: Mapping[str, Any], schemas: Mapping[Path, Mapping[str, Any]], depth: int) -> dict[str, Any]:
        filled = dict(value)
        children = _list_property_schemas(self._graph, schemas)
        required = {name for schema in schemas.values() for name in schema.get("required", ())}
        for name, paths in children.items():
            if name not in filled and (default := self._find_default(paths, name in required, depth)) is not _MISSING:
                filled[name] = default
            elif name in filled:
                filled[name] = self.fill(filled[name], paths, depth + 1)
        others = [(*path, "additionalProperties") for path, schema in schemas.items() if _has_plain_additional(schema)]
        if not self._relevant.isdisjoint(others):
            filled |= {name: self.fill(item, others, depth + 1) for name, item in value.items() if name not in children}
        return filled

    def _find_default(self, paths: Sequence[Path], is_required: bool, depth: int) -> Any:
        """Return the first default among the schemas of an absent property, filled in itself."""
        if self._relevant.isdisjoint(paths):
            return _MISSING
        schemas = self._list_applied(paths)
        found = next((schema["default"] for schema in schemas.values() if "default" in schema), _MISSING)
        if found is not _MISSING:
            self._count += 1
            if self._count > MAX_DEFAULTS or depth >= MAX_DEPTH:
                raise DefaultsTooLarge
            return self.fill(deepcopy(found) if isinstance(found, dict | list) else found, paths, depth + 1)
        if is_required and depth < MAX_DEPTH and any(schema.get("type") == "object" for schema in schemas.values()):
            return self.fill({}, paths, depth + 1) or _MISSING
        return _MISSING

    def _list_applied(self, paths: Sequence[Path]) -> dict[Path, Mapping[str, Any]]:
        """Return the schemas that always apply: those given, and those behind their `allOf` and `$ref`, in that order."""
        applied: dict[Path, Mapping[str, Any]] = {}
        waiting = list(paths)
        while waiting:
            path = waiting.pop(0)
            node = self._graph.nodes.get(path)
            if node is None or path in applied or not isinstance(node.schema, Mapping):
                continue
            applied[path] = node.schema
            waiting += node.always
        return applied


def _list_property_schemas(graph: SchemaGraph, schemas: Mapping[Path, Mapping[str, Any]]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in schemas:
        for name, child in graph.nodes[path].named.items():
            found.setdefault(name, []).append(child)
    return found


def _list_item_schemas(schemas: Mapping[Path, Mapping[str, Any]], index: int) -> list[Path]:
    found: list[Path] = []
    for path, schema in schemas.items():
        first = schema.get("prefixItems", ())
        if index < len(first):
            found.append((*path, "prefixItems", index))
        elif "items" in schema:
            found.append((*path, "items"))
    return found


def _has_plain_additional(schema: Mapping[str, Any]) -> bool:
    return isinstance(schema.get("additionalProperties"), Mapping) and "patternProperties" not in schema


def _find_nodes_with_defaults(graph: SchemaGraph) -> set[Path]:
    """Return the nodes below or behind which there is a default."""
    sources: dict[Path, list[Path]] = {}
    for path, node in graph.nodes.items():
        for other in (*node.same, *node.named.values(), *node.every):
            sources.setdefault(other, []).append(path)
    waiting = [path for path, node in graph.nodes.items() if isinstance(node.schema, Mapping) and "default" in node.schema]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += sources.get(path, ())
    return found

"""A JSON Schema as a graph: which subschemas apply to the same value, and which to its properties and items."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from adapters.system.json_schema.keywords import (
    ANCHORS,
    DEFINITIONS,
    EVERY_CHILD,
    EVERY_CHILD_LISTS,
    EVERY_CHILD_MAPS,
    NAMED_CHILDREN,
    REFERENCES,
    SAME_VALUE,
    SAME_VALUE_LISTS,
    SAME_VALUE_MAPS,
)
from domain.errors import FieldProblem

Path = tuple[str | int, ...]
MAX_NODES = 1_000
ROOT: Path = ()


@dataclass(slots=True)
class SchemaNode:
    """One subschema. `same` apply to the same value, `named` to the properties of a name, `every` to any property or item.

    `always` are those of `same` that apply without a condition: behind `$ref` and `allOf`.
    """

    path: Path
    schema: Any
    same: list[Path] = field(default_factory=list)
    always: list[Path] = field(default_factory=list)
    named: dict[str, Path] = field(default_factory=dict)
    every: list[Path] = field(default_factory=list)


class SchemaGraph:
    """All subschemas by their path. `problems` are references that do not resolve, and a schema that is too large."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.nodes: dict[Path, SchemaNode] = {}
        self.problems: list[FieldProblem] = []
        self._anchors: dict[str, list[Path]] = {}
        waiting: list[Path] = [ROOT]
        references: list[tuple[SchemaNode, str, str]] = []
        while waiting or references:
            if waiting:
                self._add(waiting.pop(0), waiting, references)
            else:
                node, keyword, reference = references.pop()
                waiting += self._connect(node, keyword, reference)
            if len(self.nodes) > MAX_NODES:
                self.problems.append(FieldProblem("parameters", f"must have at most {MAX_NODES:,} subschemas"))
                return

    def _add(self, path: Path, waiting: list[Path], references: list[tuple[SchemaNode, str, str]]) -> None:
        if path in self.nodes:
            return
        schema = self._get(path)
        node = self.nodes[path] = SchemaNode(path, schema)
        if not isinstance(schema, Mapping):
            return
        for keyword, value in schema.items():
            waiting += self._read_keyword(node, keyword, value)
            if keyword in REFERENCES and isinstance(value, str):
                references.insert(0, (node, keyword, value))  # after all anchors are known
            elif keyword in ANCHORS and isinstance(value, str):
                self._anchors.setdefault(value, []).append(path)
            elif keyword == "$id" and path:
                self.problems.append(FieldProblem(format_path((*path, "$id")), "is supported at the top of the schema only"))

    def _read_keyword(self, node: SchemaNode, keyword: str, value: Any) -> list[Path]:
        """Add the keyword's subschemas to the node, and return their paths."""
        path = (*node.path, keyword)
        if keyword in SAME_VALUE or keyword in EVERY_CHILD:
            (node.same if keyword in SAME_VALUE else node.every).append(path)
            return [path]
        paths = [(*path, key) for key in _list_keys(value)]
        if keyword == NAMED_CHILDREN:
            node.named = {str(path[-1]): path for path in paths}
        elif keyword in SAME_VALUE_LISTS | SAME_VALUE_MAPS:
            node.same += paths
            node.always += paths if keyword == "allOf" else []
        elif keyword in EVERY_CHILD_LISTS | EVERY_CHILD_MAPS:
            node.every += paths
        elif keyword not in DEFINITIONS:
            return []
        return paths

    def _connect(self, node: SchemaNode, keyword: str, reference: str) -> list[Path]:
        targets = list(self._resolve(reference))
        if not targets:
            self.problems.append(FieldProblem(format_path((*node.path, keyword)), _describe_unresolved(reference)))
        node.same += targets
        node.always += targets
        return targets

    def _resolve(self, reference: str) -> Iterator[Path]:
        """Yield the path of the schema that `#`, `#/a/pointer` or `#anchor` refers to."""
        fragment = unquote(reference.removeprefix("#"))
        if not reference.startswith("#"):
            return
        if fragment and not fragment.startswith("/"):
            yield from self._anchors.get(fragment, [])
            return
        path: list[str | int] = []
        value: Any = self.root
        for part in fragment.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping) and name in value:
                path.append(name)
            elif isinstance(value, list) and name in map(str, range(len(value))):
                path.append(int(name))
            else:
                return
            value = value[path[-1]]
        yield tuple(path)

    def _get(self, path: Path) -> Any:
        value: Any = self.root
        for part in path:
            value = value[part]
        return value


def format_path(path: Path, root: str = "parameters") -> str:
    """Return the path as messages show it, such as `parameters.properties.day.default`."""
    return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part:.100}" for part in path)


def _list_keys(value: Any) -> list[str | int]:
    if isinstance(value, Mapping):
        return list(value)
    return list(range(len(value))) if isinstance(value, list) else []


def _describe_unresolved(reference: str) -> str:
    if not reference.startswith("#"):
        return f"must stay within the schema, as #/$defs/name does; {reference:.100} does not"
    return f"there is no {reference:.100} in the schema"

"""Check a schema when a definition is saved."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson
from jsonschema_rs import ReferencingError, Registry, ValidationError

from adapters.system.json_schema.check_cost import MAX_STEPS, CheckCost, SchemaTooComplex
from adapters.system.json_schema.compiled_schema import compile_schema, describe_error, without_identity
from adapters.system.json_schema.defaults import MAX_DEFAULTS, Defaults, DefaultsTooLarge
from adapters.system.json_schema.keywords import FORMATS
from adapters.system.json_schema.patterns import count_steps_per_character
from adapters.system.json_schema.schema_graph import ROOT, Path, SchemaGraph, SchemaNode, format_path
from domain.errors import FieldProblem

MAX_SCHEMA_BYTES = 256 * 1024
MAX_PATTERNS = 200
_MAX_VALUES = 1_000
_TOO_COMPLEX = FieldProblem("parameters", "subschemas refer to themselves, or allOf, anyOf and $ref combine them in too many ways")
_ENDLESS_DEFAULTS = FieldProblem("parameters", f"defaults contain themselves, or add more than {MAX_DEFAULTS:,} values")
_URI = "urn:headgate:schema"


def find_schema_problems(schema: Mapping[str, Any]) -> list[FieldProblem]:
    """Return what is wrong with a JSON Schema for an object."""
    if schema.get("type", "object") != "object":
        return [FieldProblem("parameters.type", "must be object")]
    if len(orjson.dumps(schema)) > MAX_SCHEMA_BYTES:
        return [FieldProblem("parameters", f"must be at most {MAX_SCHEMA_BYTES // 1024} KiB")]
    graph = SchemaGraph(schema)
    if graph.problems:
        return graph.problems
    if problems := [*_find_null_problems(graph), *_find_pattern_problems(graph), *_find_format_problems(graph)]:
        return problems
    try:
        compile_schema(without_identity(schema))
        CheckCost(graph)
    except ValidationError as error:
        return [FieldProblem(format_path(tuple(error.instance_path)), describe_error(error))]
    except ReferencingError as error:
        return [FieldProblem("parameters", describe_error(error))]
    except SchemaTooComplex:
        return [_TOO_COMPLEX]
    return _find_value_problems(graph)


def _find_null_problems(graph: SchemaGraph) -> Iterator[FieldProblem]:
    """Find the two ways to permit null that JSON Schema does not have: YAML's null as a type, and OpenAPI's `nullable`."""
    for node in _list_objects(graph):
        types = node.schema.get("type")
        listed = types if isinstance(types, list) else [types]
        for index, name in enumerate(listed):
            if name is None and "type" in node.schema:
                place = (*node.path, "type", index) if isinstance(types, list) else (*node.path, "type")
                yield FieldProblem(format_path(place), 'is null: the type is the text "null", in quotes')
        if node.schema.get("nullable") is True and "null" not in listed:
            yield FieldProblem(format_path((*node.path, "nullable")), _describe_nullable(node.schema))


def _describe_nullable(schema: Mapping[str, Any]) -> str:
    types = schema.get("type")
    if isinstance(types, str | list) and types:
        names = [types] if isinstance(types, str) else types
        accepted = f'type: [{", ".join(map(str, names))}, "null"]{", with null in enum" if "enum" in schema else ""}'
    else:
        accepted = 'anyOf: [{…}, {type: "null"}]'
    return f"is a keyword of OpenAPI 3.0, not of JSON Schema; to accept null, write {accepted}"


def _find_format_problems(graph: SchemaGraph) -> Iterator[FieldProblem]:
    for node in _list_objects(graph):
        name = node.schema.get("format")
        if isinstance(name, str) and name not in FORMATS:
            nearest = get_close_matches(name, FORMATS, 1)
            hint = f" (did you mean {nearest[0]}?)" if nearest else ""
            yield FieldProblem(
                format_path((*node.path, "format")), f"{name:.60} is not a format that is checked{hint}; those are {', '.join(FORMATS)}"
            )


def _find_pattern_problems(graph: SchemaGraph) -> Iterator[FieldProblem]:
    found = list(_list_patterns(graph))
    if len(found) > MAX_PATTERNS:
        yield FieldProblem("parameters", f"must have at most {MAX_PATTERNS} patterns")
        return
    for path, pattern in found:
        if count_steps_per_character(pattern) is None:
            yield FieldProblem(format_path(path), f"{pattern:.100} is not a regular expression of ECMA-262, or is too large")


def _list_patterns(graph: SchemaGraph) -> Iterator[tuple[Path, str]]:
    for node in _list_objects(graph):
        pattern, by_name = node.schema.get("pattern"), node.schema.get("patternProperties")
        if isinstance(pattern, str):
            yield (*node.path, "pattern"), pattern
        for name in by_name if isinstance(by_name, Mapping) else ():
            yield (*node.path, "patternProperties", name), name


def _find_value_problems(graph: SchemaGraph) -> list[FieldProblem]:
    """Check every default, example, enum and const against the subschema that it belongs to."""
    found = list(islice(_list_values(graph), _MAX_VALUES + 1))
    if len(found) > _MAX_VALUES:
        return [FieldProblem("parameters", f"must have at most {_MAX_VALUES:,} defaults, examples and values of enum")]
    defaults = Defaults(graph)
    try:
        defaults.apply({})
        values = [(node.path, path, defaults.apply(value, node.path)) for node, path, value in found]
        cost = CheckCost(graph, {node.path for node, _, _ in found} or [ROOT])
    except DefaultsTooLarge:
        return [_ENDLESS_DEFAULTS]
    except SchemaTooComplex:
        return [_TOO_COMPLEX]
    if sum(cost.estimate(value) for _, _, value in values) > MAX_STEPS:
        return [FieldProblem("parameters", "the defaults, examples and values of enum are too large to check")]
    return _check_values(graph, values)


def _check_values(graph: SchemaGraph, values: list[tuple[Path, Path, Any]]) -> list[FieldProblem]:
    """Check all values at once: each is a property of one object, whose schema refers to the value's own."""
    registry = Registry([(_URI, without_identity(graph.root))])
    references = {str(index): {"$ref": _refer(owner)} for index, (owner, _, _) in enumerate(values)}
    validator = compile_schema({"properties": references}, registry)
    problems: dict[Path, FieldProblem] = {}
    checked = {str(index): value for index, (_, _, value) in enumerate(values)}
    if validator.is_valid(checked):
        return []
    for error, _ in zip(validator.iter_errors(checked), range(100), strict=False):
        place = values[int(error.instance_path[0])][1]
        problems.setdefault(place, FieldProblem(format_path(place), f"does not match its own schema: {describe_error(error)}"))
    return list(problems.values())


def _list_values(graph: SchemaGraph) -> Iterator[tuple[SchemaNode, Path, Any]]:
    for node in _list_objects(graph):
        for keyword in ("default", "const"):
            if keyword in node.schema:
                yield node, (*node.path, keyword), node.schema[keyword]
        for keyword in ("examples", "enum"):
            listed = node.schema.get(keyword)
            for index, value in enumerate(listed if isinstance(listed, list) else ()):
                yield node, (*node.path, keyword, index), value


def _list_objects(graph: SchemaGraph) -> Iterator[SchemaNode]:
    return (node for node in graph.nodes.values() if isinstance(node.schema, Mapping))


def _refer(path: Path) -> str:
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return f"{_URI}#{quote(pointer, safe='/~')}"

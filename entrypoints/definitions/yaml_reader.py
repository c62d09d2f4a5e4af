"""Read pipeline definitions from YAML or JSON, strictly: plain values, unique text keys, no dates."""

import json
from collections.abc import Hashable
from typing import Any

import yaml

from domain.text_validation import MAX_JSON_DEPTH


class InvalidDefinitionText(Exception):
    """A text that is not a definition. The message names the line where it can."""


def parse_documents(text: str) -> list[dict[str, Any]]:
    """Return every non-empty document of a YAML or JSON text. Raise InvalidDefinitionText."""
    try:
        return [_to_json_object(document) for document in yaml.load_all(text, _StrictLoader) if document is not None]
    except yaml.YAMLError as error:
        raise InvalidDefinitionText(_describe(error)) from None


def parse_definition(text: str) -> dict[str, Any]:
    """Return the single definition in a text from an untrusted sender. Raise InvalidDefinitionText.

    Aliases are rejected: a few of them can expand to more than memory holds.
    """
    try:
        _check_structure(text)
        return _to_json_object(yaml.load(text, _StrictLoader))
    except yaml.YAMLError as error:
        raise InvalidDefinitionText(_describe(error)) from None
    except ValueError as error:
        raise InvalidDefinitionText(f"the definition cannot be read: {error}") from None


def _check_structure(text: str) -> None:
    """Reject aliases and deep nesting while the text is read: PyYAML takes quadratic time for nested brackets."""
    depth = 0
    for event in yaml.parse(text, _StrictLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InvalidDefinitionText("anchors and aliases (& and *) are not supported here")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_JSON_DEPTH:
            raise InvalidDefinitionText("the definition is nested too deeply")


def _to_json_object(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidDefinitionText("a definition is an object with the keys name and stages")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidDefinitionText(f"the definition contains a value that JSON cannot represent: {error}") from None
    return plain


def _describe(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


class _StrictLoader(yaml.SafeLoader):
    """Build plain values only. Reject duplicate keys and keys that are not text; read dates as text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "keys must be text; put this one in quotes", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key.value}", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

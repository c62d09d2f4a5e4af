"""Read pipeline definitions from YAML or JSON, strictly: plain values, unique text keys, no dates."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from domain.text_validation import MAX_JSON_DEPTH
from entrypoints.definitions.node_checks import MAX_NODES, InvalidNode, check_document

_Loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class InvalidDefinitionText(Exception):
    """A text that is not a definition. The message names the line where it can."""


def parse_documents(text: str) -> list[dict[str, Any]]:
    """Return every non-empty document of a YAML or JSON text. Raise InvalidDefinitionText."""
    return list(_read(text, allow_aliases=True))


def parse_definition(text: str) -> dict[str, Any]:
    """Return the single definition in a text from an untrusted sender. Raise InvalidDefinitionText. Aliases are rejected."""
    documents = list(_read(text, allow_aliases=False))
    if len(documents) > 1:
        raise InvalidDefinitionText("expected a single document in the stream")
    return documents[0] if documents else _to_json_object(None)


def _read(text: str, *, allow_aliases: bool) -> Iterator[dict[str, Any]]:
    try:
        _check_events(text, allow_aliases)
        loader = _StrictLoader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                check_document(node)
                document = loader.construct_document(node)
                if document is not None:
                    yield _to_json_object(document)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise InvalidDefinitionText(_describe(error, text)) from None
    except InvalidNode as error:
        raise InvalidDefinitionText(str(error)) from None
    except ValueError as error:
        raise InvalidDefinitionText(f"the definition cannot be read: {error}") from None


def _check_events(text: str, allow_aliases: bool) -> None:
    """Reject aliases, deep nesting and too many values while the text is read."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, _StrictLoader)):
        if isinstance(event, yaml.AliasEvent) and not allow_aliases:
            raise InvalidDefinitionText("anchors and aliases (& and *) are not supported here")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_JSON_DEPTH:
            raise InvalidDefinitionText("the definition is nested too deeply")
        if count > MAX_NODES:
            raise InvalidDefinitionText(f"the definition has more than {MAX_NODES:,} values")


def _to_json_object(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidDefinitionText("a definition is an object with the keys name and stages")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidDefinitionText(f"the definition contains a value that JSON cannot represent: {error}") from None
    return plain


def _describe(error: yaml.YAMLError, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if not mark:
        return problem
    line = text.split("\n")[mark.line] if mark.line < text.count("\n") + 1 else ""
    if "\t" in line[: mark.column + 1] and not line[: mark.column].strip():
        problem = "a tab; YAML is indented with spaces"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


class _StrictLoader(_Loader):  # type: ignore[misc]
    """Read dates as text."""


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

"""Read pipeline definitions from JSON or YAML, strictly: plain values, unique text keys, no dates.

The edit form, `headgate apply` and standard input all read with this module. JSON is read as the API reads it, so 1e3 is a number and
tabs may indent; every other text is YAML.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import yaml

from domain.errors import FieldProblem, InvalidInput
from domain.text_validation import MAX_JSON_DEPTH
from entrypoints.definitions.node_checks import MAX_NODES, InvalidNode, check_document
from entrypoints.http import strict_json
from entrypoints.http.duplicate_keys import find_duplicate_key
from entrypoints.json_text import InvalidJson, parse_json
from entrypoints.text_decoding import remove_byte_order_mark

NO_OBJECT = "a definition must be an object with the keys name and stages"
_JSON_START = re.compile(r'[\s{[]*"')
_Loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class InvalidDefinitionText(Exception):
    """A text that is not a definition. The message names the line or the field where it can; `problem` has the line as a number, too."""

    def __init__(self, message: str, field: str = "", line: int | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.problem = FieldProblem(field, message, line)


DocumentResult = dict[str, Any] | InvalidDefinitionText


def read_documents(text: str) -> Iterator[DocumentResult]:
    """Yield every non-empty document of a YAML or JSON text, or why it is none. Nothing can be read after a syntax error."""
    text = remove_byte_order_mark(text)
    if not text.lstrip().startswith(("{", "[", "//", "/*")):
        yield from _read_yaml(text)
        return
    try:
        value = parse_json(text)
    except InvalidJson as error:
        for document in _read_yaml(text):
            yield _choose_reason(document, error, text) if isinstance(document, InvalidDefinitionText) else document
    else:
        duplicate = find_duplicate_key(text)
        yield InvalidDefinitionText(duplicate.message, duplicate.field) if duplicate else _check(value)


def parse_documents(text: str) -> list[dict[str, Any]]:
    """Return every non-empty document of a YAML or JSON text. Raise InvalidDefinitionText."""
    return [_raise_if_invalid(document) for document in read_documents(text)]


def parse_definition(text: str) -> dict[str, Any]:
    """Return the single definition in a text. Raise InvalidDefinitionText."""
    definition = parse_definition_if_any(text)
    if definition is None:
        raise InvalidDefinitionText("the definition is empty; it must be an object with the keys name and stages")
    return definition


def parse_definition_if_any(text: str) -> dict[str, Any] | None:
    """Return the single definition in a text; None for a blank text. Raise InvalidDefinitionText."""
    documents = parse_documents(text)
    if len(documents) > 1:
        raise InvalidDefinitionText(f"has {len(documents)} definitions; only one can be stored here")
    return documents[0] if documents else None


def compose_document(text: str) -> yaml.Node | None:
    """Return the root node of a text that has been read as one definition; None if it is JSON that YAML cannot read, or empty."""
    try:
        return next((node for node in yaml.compose_all(remove_byte_order_mark(text), _StrictLoader) if not _is_empty(node)), None)
    except yaml.YAMLError:
        return None


def compose_documents(text: str) -> list[yaml.Node]:
    """Return the root node of every non-empty document of a text, up to the first syntax error."""
    found: list[yaml.Node] = []
    with suppress(yaml.YAMLError):
        found.extend(node for node in yaml.compose_all(remove_byte_order_mark(text), _StrictLoader) if not _is_empty(node))
    return found


def list_document_lines(text: str) -> list[int]:
    """Return the line on which each non-empty document of a YAML text begins, counted from 0. Raise yaml.YAMLError."""
    found: list[int] = []
    start = 0
    for event in yaml.parse(text, _StrictLoader):
        if isinstance(event, yaml.DocumentStartEvent) and event.start_mark is not None:
            start = event.start_mark.line
        elif isinstance(event, yaml.DocumentEndEvent):
            found.append(start)
    nodes = list(yaml.compose_all(text, _StrictLoader))
    return [line for line, node in zip(found, nodes, strict=True) if not _is_empty(node)]


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _raise_if_invalid(document: DocumentResult) -> dict[str, Any]:
    if isinstance(document, InvalidDefinitionText):
        raise document
    return document


def _choose_reason(yaml_reason: InvalidDefinitionText, json_reason: InvalidJson, text: str) -> InvalidDefinitionText:
    """Return the reason for a text that is neither: JSON's, as the API gives it, unless the text begins as only YAML does."""
    is_json = _JSON_START.match(text) is not None or "comments" in str(json_reason) or "a tab;" in str(yaml_reason)
    return InvalidDefinitionText(str(json_reason)) if is_json else yaml_reason


def _read_yaml(text: str) -> Iterator[DocumentResult]:
    loader = None
    try:
        with suppress(yaml.YAMLError):  # raised again below, after the documents before it
            _check_events(text)
        loader = _StrictLoader(text)
        while loader.check_node():
            document = _read_node(loader, loader.get_node())
            if document is not None:
                yield document
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield InvalidDefinitionText(_describe(error, text), line=mark.line + 1 if mark else None)
    except InvalidDefinitionText as error:
        yield error
    finally:
        if loader is not None:
            loader.dispose()


def _read_node(loader: Any, node: yaml.Node) -> DocumentResult | None:
    """Return the document of a root node. Errors of values cost their own document only."""
    try:
        check_document(node)
        document = loader.construct_document(node)
    except InvalidNode as error:
        return InvalidDefinitionText(str(error), line=error.line)
    except ValueError as error:
        return InvalidDefinitionText(f"the definition cannot be read: {error}")
    return None if document is None else _check(document)


def _check_events(text: str) -> None:
    """Reject deep nesting and too many values while the text is read."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, _StrictLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_JSON_DEPTH:
            raise InvalidDefinitionText("the definition is nested too deeply")
        if count > MAX_NODES:
            raise InvalidDefinitionText(f"the definition has more than {MAX_NODES:,} values")


def _check(document: object) -> DocumentResult:
    """Return the document, without shared parts, if it can be a definition and stored."""
    if not isinstance(document, dict):
        return InvalidDefinitionText(NO_OBJECT)
    try:
        strict_json.check(document)
    except InvalidInput as error:
        return InvalidDefinitionText(error.problems[0].message, error.problems[0].field)
    plain: dict[str, Any] = json.loads(json.dumps(document))
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

"""No span has a tag whose name Datadog reserves: an agent refuses all traces that are sent together with it."""

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.architecture.source_tree import SourceTree, load_source_tree

RESERVED: Final = {"events", "span_links", "env", "language", "service", "version"}
"""`events` and `span_links` are read as JSON; the others describe the process."""
METHODS: Final = {"span", "tag"}


def find_reserved_tags(tree: SourceTree) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each reserved tag of a call of `Span.tag` or `Telemetry.span`."""
    for path, module in tree.modules.items():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                yield from ((path, word.arg) for word in node.keywords if word.arg in RESERVED)


def test_no_span_has_a_reserved_tag() -> None:
    assert list(find_reserved_tags(load_source_tree())) == []


@pytest.mark.parametrize("call", ["span.tag(events=1)", "self._telemetry.span('a', 'b', events=1)"])
def test_a_reserved_tag_is_found(call: str) -> None:
    tree = SourceTree({}).with_module("application/new.py", call)

    assert list(find_reserved_tags(tree)) == [("application/new.py", "events")]

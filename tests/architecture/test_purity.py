"""What must not appear inside the hexagon: the clock, random identifiers, HTTP."""

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.architecture.source_tree import LAYERS, SourceTree, load_source_tree

CLOCKS_AND_IDS: Final = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "uuid1", "uuid4", "token_hex", "random"}


def clock_calls(tree: SourceTree, folder: str) -> list[str]:
    """Return every call in a folder that reads a clock or makes an identifier."""
    return [f"{path}: {name}" for path in tree.paths(folder) for name in tree.called_names(path) if name in CLOCKS_AND_IDS]


def http_mentions(tree: SourceTree, folder: str) -> Iterator[str]:
    """Yield every name and text in a folder that speaks of HTTP statuses or of routes of the API."""
    for path in tree.paths(folder):
        for node in ast.walk(tree.modules[path]):
            name = getattr(node, "attr", None) or getattr(node, "arg", None) or getattr(node, "id", None)
            if isinstance(name, str) and "http_status" in name:
                yield f"{path}: {name}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and any(verb in node.value for verb in ("POST /", "GET /")):
                yield f"{path}: {node.value!r}"


@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_is_empty(layer: str) -> None:
    tree = load_source_tree()

    assert sum(len(tree.modules[path].body) for path in tree.paths(layer)) > 10


def test_the_domain_reads_no_clock_and_makes_no_ids() -> None:
    assert clock_calls(load_source_tree(), "domain") == []


@pytest.mark.parametrize("source", ["from datetime import datetime\ndatetime.now()", "import uuid\nuuid.uuid4()"])
def test_a_clock_or_an_id_in_the_domain_is_found(source: str) -> None:
    broken = load_source_tree().with_module("domain/runs/broken.py", source)

    assert len(clock_calls(broken, "domain")) == 1


def test_the_clock_is_found_where_the_adapter_reads_it() -> None:
    assert "adapters/system/clock.py: now" in clock_calls(load_source_tree(), "adapters")


@pytest.mark.parametrize("layer", ["domain", "application"])
def test_http_statuses_and_routes_stay_at_the_edge(layer: str) -> None:
    assert list(http_mentions(load_source_tree(), layer)) == []


@pytest.mark.parametrize("source", ["def f(http_status): ...", "x.http_status", 'WHAT = "Use POST /trigger/{name}."'])
def test_an_http_status_or_a_route_inside_is_found(source: str) -> None:
    broken = load_source_tree().with_module("domain/runs/broken.py", source)

    assert any(mention.startswith("domain/runs/broken.py") for mention in http_mentions(broken, "domain"))

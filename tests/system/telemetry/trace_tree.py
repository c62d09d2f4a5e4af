"""A trace as a tree of spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Span = dict[str, Any]


def find_roots(spans: Sequence[Span]) -> list[Span]:
    """Return the spans whose parent did not arrive: one, if the trace is complete."""
    known = {span["span_id"] for span in spans}
    return [span for span in spans if span["parent_id"] not in known]


def get_children(spans: Sequence[Span], parent: Span) -> list[Span]:
    return sorted((span for span in spans if span["parent_id"] == parent["span_id"]), key=lambda span: int(span["start"]))


def get_descendants(spans: Sequence[Span], parent: Span) -> list[Span]:
    return [each for span in get_children(spans, parent) for each in (span, *get_descendants(spans, span))]


def get_only(spans: Sequence[Span], name: str, resource: str | None = None) -> Span:
    found = [span for span in spans if span["name"] == name and resource in (None, span["resource"])]
    assert len(found) == 1, f"{len(found)} spans {name} {resource or ''}"
    return found[0]


def get_labels(spans: Sequence[Span]) -> list[str]:
    return [f"{span['name']} {span['resource']}" for span in spans]

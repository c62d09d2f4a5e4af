"""A trace as a tree of names, the way somebody reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Span = dict[str, Any]


def roots_of(spans: Sequence[Span]) -> list[Span]:
    """Spans whose parent did not arrive: of a whole trace, one."""
    known = {span["span_id"] for span in spans}
    return [span for span in spans if span["parent_id"] not in known]


def below(spans: Sequence[Span], parent: Span) -> list[Span]:
    return sorted((span for span in spans if span["parent_id"] == parent["span_id"]), key=lambda span: int(span["start"]))


def all_below(spans: Sequence[Span], parent: Span) -> list[Span]:
    return [each for span in below(spans, parent) for each in (span, *all_below(spans, span))]


def one(spans: Sequence[Span], name: str, resource: str | None = None) -> Span:
    found = [span for span in spans if span["name"] == name and resource in (None, span["resource"])]
    assert len(found) == 1, f"{len(found)} spans {name} {resource or ''}"
    return found[0]


def labels(spans: Sequence[Span]) -> list[str]:
    return [f"{span['name']} {span['resource']}" for span in spans]

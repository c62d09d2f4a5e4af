"""Revisions of pipelines, as the API returns them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from application.queries.views.pipelines import RevisionView
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.api.shared.models import ResponseModel, with_example
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.http.base_path import link

_EXAMPLE = {
    "revision": 3,
    "created_at": "2026-11-23T09:00:00Z",
    "created_by": "ann",
    "restored_from": None,
    "changes": ["changed stage extract (retries 1 → 3)"],
    "links": {"self": "/pipelines/1/revisions/3", "source": "/pipelines/1/revisions/3/source", "page": "/ui/pipelines/1/revisions/3"},
}


class RevisionResponse(ResponseModel):
    """A revision of a pipeline and what it changed."""

    model_config = with_example(_EXAMPLE)

    revision: int
    created_at: datetime
    created_by: str | None = Field(description="Who created it; null if it is not known, or without sign-in.")
    restored_from: int | None = Field(description="The revision that it restores, if any.")
    changes: list[str] = Field(
        description="What it changed in the revision before it. Empty for the first one, and if only the text changed."
    )
    links: dict[str, str]

    @classmethod
    def from_views(cls, pipeline_id: int, view: RevisionView, before: RevisionView | None) -> Self:
        """Build the response of a revision, compared with the one before it."""
        return cls(**_describe(pipeline_id, view, before))


class RevisionDetailResponse(RevisionResponse):
    """A revision with its definition."""

    model_config = with_example(
        _EXAMPLE | {"definition": {"name": "flights", "stages": [{"name": "extract", "kind": "command", "command": ["true"]}]}}
    )

    definition: dict[str, Any] = Field(description="The definition with every default. `links.source` has it as its author wrote it.")

    @classmethod
    def from_views(cls, pipeline_id: int, view: RevisionView, before: RevisionView | None) -> Self:
        return cls(**_describe(pipeline_id, view, before), definition=serialize_pipeline(view.definition))


def list_revision_responses(pipeline_id: int, views: Sequence[RevisionView], count: int) -> list[RevisionResponse]:
    """Return the first `count` revisions, newest first, each compared with the one after it in `views`."""
    before = [*views[1:], None]
    return [RevisionResponse.from_views(pipeline_id, view, earlier) for view, earlier in zip(views[:count], before, strict=False)]


def _describe(pipeline_id: int, view: RevisionView, before: RevisionView | None) -> dict[str, Any]:
    path = f"/pipelines/{pipeline_id}/revisions/{view.revision}"
    return {
        "revision": view.revision,
        "created_at": view.created_at,
        "created_by": view.created_by,
        "restored_from": view.restored_from,
        "changes": diff_revisions(serialize_pipeline(before.definition), serialize_pipeline(view.definition)) if before else [],
        "links": {"self": link(path), "source": link(f"{path}/source"), "page": link(f"/ui{path}")},
    }

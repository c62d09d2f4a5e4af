"""A pipeline's revisions and their differences."""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.pipelines import RevisionView, RevisionWithSource
from entrypoints.definitions.definition_text import get_revision_text
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.lookups import require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.revision_loader import load_revision, require_revision
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.formatting import format_timestamp
from entrypoints.web.view_models.pipelines.definition_text import shorten_definition
from entrypoints.web.view_models.pipelines.revision_diff_lines import DiffLine, build_diff
from entrypoints.web.view_models.pipelines.revisions import MAX_ITEMS, RevisionItem, build_revision_items

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("pipeline.css",)
MAX_CHOICES = 200


@router.get("/ui/pipelines/{ref}/revisions/{number}")
@requires(READ, ResourceScope.PIPELINE)
async def show_revision(request: Request, ref: str, number: str, against: str = "") -> Response:
    """Show a revision and its differences from revision `against`; without it, from the revision before."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    revision = await require_revision(context, pipeline, number)
    around = await context.reader.revisions(pipeline.id, limit=MAX_ITEMS + 1, newest=revision.revision + MAX_ITEMS // 2)
    if against:
        other: RevisionWithSource | None = await require_revision(context, pipeline, against)
    else:
        before = next((each.revision for each in around if each.revision < revision.revision), None)
        other = await load_revision(context, pipeline, before) if before else None
    text, diff_lines, items = await asyncio.to_thread(_build_parts, around, revision, other)
    return render_page(
        request,
        "revision.html",
        section="pipelines",
        css=CSS,
        pipeline=pipeline,
        revision=revision,
        created=format_timestamp(revision.created_at),
        text=text,
        other=other,
        diff_lines=diff_lines,
        revisions=items,
        newer=around[0].revision + 1 if around[0].revision < pipeline.revision else None,
        older=around[-1].revision if len(around) > MAX_ITEMS else None,
        numbers=range(pipeline.revision, max(0, pipeline.revision - MAX_CHOICES), -1),
    )


def _build_parts(
    around: Sequence[RevisionView], shown: RevisionWithSource, other: RevisionWithSource | None
) -> tuple[str, Sequence[DiffLine], list[RevisionItem]]:
    """Return the definition's text, the differences, and the list of revisions."""
    text = get_revision_text(shown)
    diff_lines = build_diff(other, shown, text) if other else ()
    return shorten_definition(text), diff_lines, build_revision_items(around)

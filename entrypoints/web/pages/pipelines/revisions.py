"""A pipeline's revisions, their differences, and the form that creates the next revision."""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import escape

from application.queries.views.pipelines import PipelineView, RevisionView
from domain.errors import FieldProblem, InvalidInput, NameTaken, NotFound, StaleRevision
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, READ, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import PageContext, get_page_context, load_waiting_count
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.formatting import format_timestamp
from entrypoints.web.view_models.pipelines.definition_text import format_definition, shorten_definition
from entrypoints.web.view_models.pipelines.revision_diff_lines import DiffLine, build_diff
from entrypoints.web.view_models.pipelines.revisions import MAX_ITEMS, RevisionItem, build_revision_items

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
CSS = ("pipeline.css",)
MAX_CHOICES = 200
MAX_EDITED = 800_000
"""Characters of a definition that can be edited on a page, as HTML."""


@router.get("/ui/pipelines/{ref}/revisions/{number}")
@requires(READ, ResourceScope.PIPELINE)
async def show_revision(request: Request, ref: str, number: str, against: str = "") -> Response:
    """Show a revision and its differences from revision `against`; without it, from the revision before."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    revision = await _require_revision(context, pipeline, number)
    around = await context.reader.revisions(pipeline.id, limit=MAX_ITEMS + 1, newest=revision.revision + MAX_ITEMS // 2)
    if against:
        other: RevisionView | None = await _require_revision(context, pipeline, against)
    else:
        other = next((each for each in around if each.revision < revision.revision), None)
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
    around: Sequence[RevisionView], shown: RevisionView, other: RevisionView | None
) -> tuple[str, Sequence[DiffLine], list[RevisionItem]]:
    """Return the definition's text, the differences, and the list of revisions."""
    diff_lines = build_diff(other, shown) if other else ()
    return shorten_definition(format_definition(shown.definition)), diff_lines, build_revision_items(around)


async def _require_revision(context: PageContext, pipeline: PipelineView, number: str) -> RevisionView:
    if number.isascii() and number.isdigit() and len(number) < 10:
        for revision in await context.reader.revisions(pipeline.id, limit=1, newest=int(number)):
            if str(revision.revision) == number:
                return revision
    raise NotFound("revision", number, pipeline.name)


@router.get("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def show_edit_form(request: Request, ref: str) -> Response:
    """Show the newest revision as text to edit."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    text = await asyncio.to_thread(format_definition, pipeline.definition)
    return _render_form(request, pipeline, text, pipeline.revision, (), None, 200)


@router.post("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def edit(request: Request, ref: str) -> Response:
    """Store a new revision if the edited one is still the newest; otherwise show the form again with the submitted text."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    form = await parse_flat_form(request)
    text, number = form.get("definition", "").replace("\r\n", "\n"), form.get("revision", "")
    edited = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    try:
        definition = await asyncio.to_thread(parse_definition, text)
        await get_application(request).change_pipeline()(pipeline.id, definition, [edited], get_actor(request))
    except InvalidDefinitionText as error:
        return _render_form(request, pipeline, text, edited, [error.problem], None, 422)
    except InvalidInput as error:
        return _render_form(request, pipeline, text, edited, error.problems, None, 422)
    except NameTaken as error:
        return _render_form(request, pipeline, text, edited, [FieldProblem("name", str(error))], None, 409)
    except StaleRevision:
        return _render_form(request, pipeline, text, edited, (), pipeline.revision, 409)
    return redirect(f"/ui/pipelines/{pipeline.id}")


def _render_form(
    request: Request,
    pipeline: PipelineView,
    text: str,
    edited: int,
    problems: Sequence[FieldProblem],
    newer: int | None,
    status: int,
) -> Response:
    """Render the form. `edited` is the revision the text began as; `newer` is a revision stored since then, if any.

    A text that is too long for a page is left out.
    """
    fits = len(escape(text)) <= MAX_EDITED
    return render_page(
        request,
        "edit_pipeline.html",
        status,
        section="pipelines",
        css=CSS,
        pipeline=pipeline,
        text=text if fits else "",
        fits=fits,
        base_revision=newer or edited,
        edited=edited,
        newer=newer,
        problems=problems,
        rows=min(40, max(16, text.count("\n") + 3)),
    )

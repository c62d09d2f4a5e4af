"""The form that creates a pipeline's next revision, with a preview of its schedules."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import escape

from application.queries.views.pipelines import PipelineView
from domain.errors import FieldProblem, InvalidInput, NameTaken, StaleRevision
from entrypoints.definitions.definition_text import format_definition
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.deployment_choices import load_deployments
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import PageContext, get_page_context, load_page_frame
from entrypoints.web.pages.pipelines.deployments import get_page_after_saving
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.schedules.next_times import SHOWN
from entrypoints.web.view_models.schedules.preview import PreviewItem, build_preview

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
MAX_EDITED = 800_000
"""Characters of a definition that can be edited on a page, as HTML."""


@dataclass(frozen=True, slots=True)
class EditForm:
    """The form. `edited` is the revision that the text began as; `newer` is a revision stored since then, if any.

    `preview` is None if nothing was previewed.
    """

    text: str
    edited: int
    problems: Sequence[FieldProblem] = field(default_factory=tuple)
    newer: int | None = None
    preview: Sequence[PreviewItem] | None = None


@router.get("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def show_edit_form(request: Request, ref: str) -> Response:
    """Show the newest revision as text to edit, with the next times of its schedules."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    text = await asyncio.to_thread(format_definition, pipeline.definition)
    previews = await context.preview_definition.preview_schedules(pipeline.definition.schedules, SHOWN, pipeline.id)
    return await _render_form(
        request, pipeline, EditForm(text, pipeline.revision, preview=build_preview(previews, context.explain_cron)), 200
    )


@router.post("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def edit(request: Request, ref: str) -> Response:
    """Store a new revision if the edited one is still the newest; otherwise show the form again with the submitted text."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    text, edited = await _parse_form(request)
    try:
        definition = await asyncio.to_thread(parse_definition, text)
        changed = await get_application(request).change_pipeline()(pipeline.id, definition, [edited], get_actor(request))
    except InvalidDefinitionText as error:
        return await _render_form(request, pipeline, EditForm(text, edited, [error.problem]), 422)
    except InvalidInput as error:
        return await _render_form(request, pipeline, EditForm(text, edited, error.problems), 422)
    except NameTaken as error:
        return await _render_form(request, pipeline, EditForm(text, edited, [FieldProblem("name", str(error))]), 409)
    except StaleRevision:
        return await _render_form(request, pipeline, EditForm(text, edited, newer=pipeline.revision), 409)
    return redirect(get_page_after_saving(changed))


@router.post("/ui/pipelines/{ref}/edit/preview")
@requires(DEFINE, ResourceScope.PIPELINE)
async def preview(request: Request, ref: str) -> Response:
    """Show the form with the next times of the text's schedules, or only these for a script. Nothing is stored."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    text, edited = await _parse_form(request)
    problems: Sequence[FieldProblem] = ()
    items: Sequence[PreviewItem] | None = None
    try:
        items = await _load_preview(context, text, pipeline.id)
    except InvalidDefinitionText as error:
        problems = [error.problem]
    except InvalidInput as error:
        problems = error.problems
    if request.headers.get("hx-request") == "true":
        return render_page(request, "definition_preview.html", preview=items, problems=problems)
    newer = pipeline.revision if edited != pipeline.revision else None
    return await _render_form(request, pipeline, EditForm(text, edited, problems, newer, items), 422 if problems else 200)


async def _load_preview(context: PageContext, text: str, pipeline_id: int) -> list[PreviewItem]:
    definition = await asyncio.to_thread(parse_definition, text)
    return build_preview(await context.preview_definition(definition, SHOWN, pipeline_id), context.explain_cron)


async def _parse_form(request: Request) -> tuple[str, int]:
    """Return the text, and the number of the revision that it began as; 0 if the form names none."""
    form = await parse_flat_form(request)
    number = form.get("revision", "")
    edited = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    return form.get("definition", "").replace("\r\n", "\n"), edited


async def _render_form(request: Request, pipeline: PipelineView, form: EditForm, status: int) -> Response:
    """Render the form. A text that is too long for a page is left out."""
    fits = len(escape(form.text)) <= MAX_EDITED
    return render_page(
        request,
        "edit_pipeline.html",
        status,
        section="pipelines",
        css=("pipeline.css",),
        pipeline=pipeline,
        text=form.text if fits else "",
        fits=fits,
        base_revision=form.newer or form.edited,
        edited=form.edited,
        newer=form.newer,
        problems=form.problems,
        preview=form.preview,
        deployments=await load_deployments(request) if fits else (),
        rows=min(40, max(16, form.text.count("\n") + 3)),
    )

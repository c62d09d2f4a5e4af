"""The editor that creates a pipeline's next revision, with the differences from the newest one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.pipelines import PipelineView
from domain.errors import FieldProblem, InvalidInput, NameTaken, StaleRevision
from entrypoints.definitions.definition_text import get_revision_text
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.deployment_choices import load_deployments
from entrypoints.web.editor_loader import MAX_CHECKED, build_editor_values, check_text, read_and_write_form, read_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.pipelines.deployments import get_page_after_saving
from entrypoints.web.revision_loader import load_newest, require_revision
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.editor.form import EditorForm
from entrypoints.web.view_models.editor.review import Review, build_review

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@dataclass(frozen=True, slots=True)
class EditPage:
    """What the page shows besides the form. `newer` is a revision stored since the form's, if any."""

    problems: Sequence[FieldProblem] = field(default_factory=tuple)
    newer: int | None = None
    review: Review | None = None


@router.get("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def show_edit_form(request: Request, ref: str, begin: str = "") -> Response:
    """Show the newest revision's text to edit, as its author wrote it, or that of revision `begin`, as a change of the newest one."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    revision = await require_revision(context, pipeline, begin or str(pipeline.revision))
    text = await asyncio.to_thread(get_revision_text, revision)
    return await _render_page(request, pipeline, EditorForm(text, pipeline.revision), EditPage(), 200)


@router.post("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def edit(request: Request, ref: str) -> Response:
    """Store a new revision if the edited one is still the newest; otherwise show the editor again with the submitted text."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    form = await read_and_write_form(request)
    if form.is_refused:
        return await _render_page(request, pipeline, form, EditPage(), 422)
    change = get_application(request).change_pipeline()
    try:
        definition = await asyncio.to_thread(parse_definition, form.text)
        changed = await change(pipeline.id, definition, [form.revision], get_actor(request), source=form.text)
    except InvalidDefinitionText as error:
        return await _render_page(request, pipeline, form, EditPage([error.problem]), 422)
    except InvalidInput as error:
        return await _render_page(request, pipeline, form, EditPage(error.problems), 422)
    except NameTaken as error:
        return await _render_page(request, pipeline, form, EditPage([FieldProblem("name", str(error))]), 409)
    except StaleRevision:
        current = await require_pipeline(get_page_context(request), str(pipeline.id))
        return await _render_page(request, current, form, EditPage(newer=current.revision), 409)
    return redirect(get_page_after_saving(changed))


@router.post("/ui/pipelines/{ref}/edit/form")
@requires(DEFINE, ResourceScope.PIPELINE)
async def write_form(request: Request, ref: str) -> Response:
    """Show the editor with what was entered in the form written into the text. Nothing is stored."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    form = await read_and_write_form(request)
    return await _render_page(request, pipeline, form, EditPage(newer=_find_newer(pipeline, form)), 422 if form.is_refused else 200)


@router.post("/ui/pipelines/{ref}/edit/review")
@requires(DEFINE, ResourceScope.PIPELINE)
async def review(request: Request, ref: str) -> Response:
    """Show the differences between the newest revision's text and the submitted one. Nothing is stored."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    form = await read_and_write_form(request)
    if form.is_refused:
        return await _render_page(request, pipeline, form, EditPage(newer=_find_newer(pipeline, form)), 422)
    newest = await load_newest(context, pipeline)
    found = await asyncio.to_thread(build_review, newest, form.text)
    return await _render_page(request, pipeline, form, EditPage(newer=_find_newer(pipeline, form), review=found), None)


@router.post("/ui/pipelines/{ref}/edit/preview")
@requires(DEFINE, ResourceScope.PIPELINE)
async def preview(request: Request, ref: str) -> Response:
    """Show the check of the text, on the page or alone for a script. Nothing is stored."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    form = await read_form(request)
    if request.headers.get("hx-request") != "true":
        return await _render_page(request, pipeline, form, EditPage(newer=_find_newer(pipeline, form)), None)
    check = await check_text(context, form.text, pipeline.id)
    form = replace(form, stage=form.stage.with_choices(check.stage_names))
    return render_page(request, "definition_preview.html", check=check, form=form, editor_path=get_edit_path(pipeline), is_fragment=True)


def get_edit_path(pipeline: PipelineView) -> str:
    """Return the path of the editor."""
    return f"/ui/pipelines/{pipeline.id}/edit"


def _find_newer(pipeline: PipelineView, form: EditorForm) -> int | None:
    """Return the newest revision if the form began as another one."""
    return pipeline.revision if form.revision != pipeline.revision else None


async def _render_page(request: Request, pipeline: PipelineView, form: EditorForm, page: EditPage, status: int | None) -> Response:
    """Render the page. Without a status, it is 422 if the text has problems."""
    path = get_edit_path(pipeline)
    is_checked = request.method == "POST" or len(form.text) <= MAX_CHECKED
    check = await check_text(get_page_context(request), form.text, pipeline.id, page.problems) if is_checked else None
    values = build_editor_values(request, path, form, check, await load_deployments(request))
    return render_page(
        request,
        "edit_pipeline.html",
        status or (422 if check and check.problems else 200),
        section="pipelines",
        css=("pipeline.css", "editor.css"),
        pipeline=pipeline,
        base_revision=page.newer or form.revision,
        newer=page.newer,
        review=page.review,
        **values,
    )

"""The editor that creates a pipeline."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from application.queries.views.pipelines import RevisionWithSource
from domain.errors import FieldProblem, InvalidInput, NameTaken
from entrypoints.definitions.definition_text import get_revision_text
from entrypoints.definitions.renaming import rename_definition
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.deployment_choices import DeploymentChoice, load_deployments
from entrypoints.web.editor_loader import build_editor_values, check_text, read_and_write_form, read_and_write_text_fields, read_form
from entrypoints.web.lookups import get_application, get_origin, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.pipelines.deployments import get_page_after_saving
from entrypoints.web.revision_loader import load_newest
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.editor.check import EditorCheck
from entrypoints.web.view_models.editor.examples import EXAMPLES, FIRST
from entrypoints.web.view_models.editor.form import EditorForm
from entrypoints.web.view_models.pipelines.clone_name import get_clone_name

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
PATH = "/ui/new"


@router.get("/ui/new")
@requires(DEFINE)
async def show_new_pipeline_form(request: Request, example: str = "", source: Annotated[str, Query(alias="from")] = "") -> Response:
    """Show the editor: empty, with an example, or with the text of the pipeline `from` under another name."""
    text = EXAMPLES[example].text if example in EXAMPLES else ""
    if source:
        context = get_page_context(request)
        pipeline = await require_pipeline(context, source)
        text = await asyncio.to_thread(_copy_text, await load_newest(context, pipeline), get_clone_name(pipeline.name))
    return await render_new_pipeline(request, EditorForm(text), 200)


@router.post("/ui/new")
@requires(DEFINE)
async def create_pipeline(request: Request) -> Response:
    """Create the pipeline and redirect to its page, or to its warnings; or show the editor again with the problems."""
    form = await read_and_write_form(request)
    if form.is_refused:
        return await render_new_pipeline(request, form, 422)
    try:
        raw = await asyncio.to_thread(parse_definition, form.text)
        stored = await get_application(request).create_pipeline()(raw, None, get_actor(request), source=form.text)
    except InvalidDefinitionText as error:
        return await render_new_pipeline(request, form, 422, error.problem)
    except InvalidInput as error:
        return await render_new_pipeline(request, form, 422, *error.problems)
    except NameTaken as error:
        return await render_new_pipeline(request, form, 422, FieldProblem("name", str(error)))
    return redirect(get_page_after_saving(stored))


@router.post("/ui/new/form")
@requires(DEFINE)
async def write_form(request: Request) -> Response:
    """Show the editor with what was entered in the form written into the text. Nothing is stored."""
    form = await read_and_write_form(request)
    return await render_new_pipeline(request, form, 422 if form.is_refused else 200)


@router.post("/ui/new/preview")
@requires(DEFINE)
async def preview_new_pipeline(request: Request) -> Response:
    """Show the check of the text, on the page or alone for a script. Nothing is stored."""
    if request.headers.get("hx-request") != "true":
        form = await read_and_write_text_fields(request)
        return await render_new_pipeline(request, form, 422 if form.is_refused else 200)
    form = await read_form(request)
    check = await _check(request, form)
    form = replace(form, stage=form.stage.with_choices(check.stage_names))
    return render_page(request, "definition_preview.html", check=check, form=form, editor_path=PATH, is_fragment=True)


async def render_new_pipeline(request: Request, form: EditorForm, status: int, *problems: FieldProblem) -> Response:
    """Render the page."""
    check = await _check(request, form, *problems) if form.text.strip() or problems else None
    values = build_new_pipeline_values(request, form, check, await load_deployments(request))
    return render_page(request, "new_pipeline.html", status, section="pipelines", is_first=False, **values)


def build_new_pipeline_values(
    request: Request, form: EditorForm, check: EditorCheck | None = None, deployments: Sequence[DeploymentChoice] = ()
) -> dict[str, Any]:
    """Return what the page's template needs."""
    values = build_editor_values(request, PATH, form, check, deployments)
    return values | {"css": ("pipeline.css", "editor.css"), "origin": get_origin(request), "examples": EXAMPLES, "first": FIRST}


def _copy_text(revision: RevisionWithSource, name: str) -> str:
    text = get_revision_text(revision)
    return rename_definition(text, name) or text


async def _check(request: Request, form: EditorForm, *problems: FieldProblem) -> EditorCheck:
    return await check_text(get_page_context(request), form.text, None, problems)

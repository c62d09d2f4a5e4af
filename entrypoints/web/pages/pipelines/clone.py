"""Create a pipeline from another one, under a new name."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.pipelines import PipelineView
from domain.errors import InvalidInput, NameTaken
from entrypoints.definitions.renaming import copy_revision
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import get_text, parse_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.pipelines.deployments import get_page_after_saving
from entrypoints.web.revision_loader import load_newest
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.forms import format_problems
from entrypoints.web.view_models.pipelines.clone_name import get_clone_name

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@dataclass(frozen=True, slots=True)
class CloneForm:
    """The name that was entered, what is wrong with it, and the problems of the definition."""

    name: str
    error: str = ""
    problems: Sequence[str] = ()


@router.get("/ui/pipelines/{ref}/clone")
@requires(DEFINE)
async def show_clone_form(request: Request, ref: str) -> Response:
    """Ask for the name of the clone."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    return _render_form(request, pipeline, CloneForm(get_clone_name(pipeline.name)), 200)


@router.post("/ui/pipelines/{ref}/clone")
@requires(DEFINE)
async def clone(request: Request, ref: str) -> Response:
    """Store the newest revision as another pipeline and redirect to its page; or show the form again with its errors."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    name = get_text(await parse_form(request), "name")
    raw, source = await asyncio.to_thread(copy_revision, await load_newest(context, pipeline), name)
    try:
        created = await get_application(request).create_pipeline()(raw, None, get_actor(request), source=source, cloned_from=pipeline.name)
    except NameTaken as error:
        return _render_form(request, pipeline, CloneForm(name, str(error)), 409)
    except InvalidInput as error:
        named = next((problem.message for problem in error.problems if problem.field == "name"), "")
        others = [problem for problem in error.problems if problem.field != "name"]
        return _render_form(request, pipeline, CloneForm(name, f"Name {named}." if named else "", format_problems(others)), 422)
    return redirect(get_page_after_saving(created))


def _render_form(request: Request, pipeline: PipelineView, form: CloneForm, status: int) -> Response:
    has_times = bool(pipeline.definition.schedules or pipeline.definition.expect)
    return render_page(request, "clone_pipeline.html", status, section="pipelines", pipeline=pipeline, form=form, has_times=has_times)

"""Restore an earlier revision of a pipeline, after a look at what that changes."""

import asyncio

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.pipelines import PipelineView, RevisionWithSource
from domain.errors import InvalidInput, NameTaken, StaleRevision
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.ids import parse_id
from entrypoints.web.form_data import get_text, parse_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.pipelines.deployments import get_page_after_saving
from entrypoints.web.revision_loader import load_newest, require_revision
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.forms import format_problems
from entrypoints.web.view_models.pipelines.restoration import build_restoration

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/pipelines/{ref}/revisions/{number}/restore")
@requires(DEFINE, ResourceScope.PIPELINE)
async def show_restore_form(request: Request, ref: str, number: str) -> Response:
    """Show the differences from the newest revision to this one, and ask."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    return await _render_form(request, pipeline, await require_revision(context, pipeline, number), 200)


@router.post("/ui/pipelines/{ref}/revisions/{number}/restore")
@requires(DEFINE, ResourceScope.PIPELINE)
async def restore(request: Request, ref: str, number: str) -> Response:
    """Store the revision again as the newest one; or ask again, with the differences from a revision that was stored meanwhile."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    revision = await require_revision(context, pipeline, number)
    expected = parse_id(get_text(await parse_form(request), "expected"))
    newest = [] if expected is None else [expected]
    try:
        restored = await get_application(request).restore_revision()(pipeline.id, revision.revision, newest, get_actor(request))
    except InvalidInput as error:
        return await _render_form(request, pipeline, revision, 422, *format_problems(error.problems))
    except NameTaken as error:
        return await _render_form(request, pipeline, revision, 409, str(error))
    except StaleRevision:
        pipeline = await require_pipeline(context, str(pipeline.id))
        message = f"Revision {pipeline.revision} is the newest now. Look at the differences again."
        return await _render_form(request, pipeline, revision, 409, message)
    return redirect(get_page_after_saving(restored))


async def _render_form(request: Request, pipeline: PipelineView, revision: RevisionWithSource, status: int, *problems: str) -> Response:
    newest = await load_newest(get_page_context(request), pipeline)
    found = await asyncio.to_thread(build_restoration, newest, revision)
    values = {"pipeline": pipeline, "restoration": found, "problems": problems}
    return render_page(request, "restore_revision.html", status, section="pipelines", css=("pipeline.css",), **values)

"""The form that creates a pipeline."""

from fastapi import APIRouter, Depends, Request, Response

from domain.errors import InvalidInput, NameTaken
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.deployment_choices import load_deployments
from entrypoints.web.form_data import parse_form
from entrypoints.web.lookups import get_application, get_origin
from entrypoints.web.page_context import load_page_frame
from entrypoints.web.pages.pipelines.deployments import get_page_after_saving
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.new_pipeline_form import NewPipelineForm, StageFormRow

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
MIN_STAGE_ROWS = 3


@router.get("/ui/new")
@requires(DEFINE)
async def show_new_pipeline_form(request: Request) -> Response:
    """Show the form, with a file and a request that do the same."""
    return await _render_form(request, NewPipelineForm(), 200)


@router.post("/ui/new")
@requires(DEFINE)
async def create_pipeline(request: Request) -> Response:
    """Create the pipeline and redirect to its page, or to its warnings; or show the form again with its errors."""
    form = NewPipelineForm.from_form(await parse_form(request))
    try:
        stored = await get_application(request).create_pipeline()(form.to_definition(), None, get_actor(request))
    except InvalidInput as error:
        form.assign_errors(error.problems)
    except NameTaken as error:
        form.name_error = str(error)
    else:
        return redirect(get_page_after_saving(stored))
    return await _render_form(request, form, 422)


async def _render_form(request: Request, form: NewPipelineForm, status: int) -> Response:
    form.stages += [StageFormRow() for _ in range(MIN_STAGE_ROWS - len(form.stages))]
    deployments = await load_deployments(request)
    values = {"form": form, "is_first": False, "origin": get_origin(request), "deployments": deployments}
    return render_page(request, "new_pipeline.html", status, section="pipelines", **values)

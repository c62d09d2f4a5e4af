"""The way to Prefect's own pages."""

import re

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from domain.errors import NotFound
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.prefect_page import build_prefect_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
_FLOW_RUN_ID = re.compile(r"[A-Za-z0-9-]{1,100}")


@router.get("/ui/prefect/flow-runs/{flow_run}")
@requires(READ)
async def show_flow_run(request: Request, flow_run: str) -> Response:
    """Lead to a flow run's page in Prefect: with a redirect, or with an explanation if Prefect asks for a password or is not public."""
    if _FLOW_RUN_ID.fullmatch(flow_run) is None:
        raise NotFound("flow run", flow_run)
    prefect = get_page_context(request).prefect
    if not prefect.needs_explanation:
        return RedirectResponse(prefect.build_flow_run_url(flow_run), 303)
    page = build_prefect_page(prefect, flow_run, get_application(request).settings().public_url)
    return render_page(request, "prefect.html", section="runs", page=page)

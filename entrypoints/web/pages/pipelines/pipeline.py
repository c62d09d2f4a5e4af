"""A pipeline's page: its latest run, its history and its definition."""

import asyncio
from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Depends, Request, Response

from application.queries.runs.similar_failures import SIMILAR_RUNS
from application.queries.views.pipelines import PipelineView, RevisionView, RevisionWithSource
from entrypoints.definitions.definition_text import get_revision_text
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.live.pipeline_page import GRID_RUNS, LivePipelinePage
from entrypoints.web.lookups import get_application, get_origin, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.revision_loader import load_revision
from entrypoints.web.schedule_loader import load_schedule_items
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.alerts.rules import build_pipeline_rules
from entrypoints.web.view_models.pipelines.applied_file import build_applied_file
from entrypoints.web.view_models.pipelines.page import PipelinePage, build_pipeline_page
from entrypoints.web.view_models.pipelines.revision_diff_lines import DiffLine, build_diff
from entrypoints.web.view_models.pipelines.revisions import RevisionItem, build_revision_items
from entrypoints.web.why_loader import load_why_section

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
REVISIONS_SHOWN = 5


@router.get("/ui/pipelines/{ref}")
@requires(READ, ResourceScope.PIPELINE)
async def show_pipeline(request: Request, ref: str, day: str = "") -> Response:
    """Show a pipeline, named by its id or its name, and why its runs of a day, today by default, happened or not."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    runs = await context.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=GRID_RUNS)
    failures = await context.reader.failures(pipeline.id, SIMILAR_RUNS)
    schedules = await load_schedule_items(context, pipeline)
    applied = await context.reader.applied_files(pipeline_id=pipeline.id, limit=1)
    why = await load_why_section(context, pipeline, day)
    revisions = await context.reader.revisions(pipeline.id, limit=REVISIONS_SHOWN + 1)
    rendered = await LivePipelinePage(context, pipeline.id).render_pipeline(pipeline, runs, failures, schedules)
    site_rules = await context.reader.alert_rules()
    compared = [await load_revision(context, pipeline, each.revision) for each in revisions[:2]]
    command = get_application(request).settings().copied_command
    build = partial(_build_static_parts, pipeline, revisions, compared)
    page, items, diff_lines = await asyncio.to_thread(build, origin=get_origin(request), command=command)
    return render_page(
        request,
        "pipeline.html",
        section="pipelines",
        pipeline=page,
        rendered=rendered,
        has_runs=bool(runs),
        alert_rules=build_pipeline_rules(pipeline.definition, site_rules),
        schedules=schedules,
        why=why,
        applied=build_applied_file(applied),
        revisions=items,
        earlier_revisions=pipeline.revision - len(items),
        diff_lines=diff_lines,
        css=("pipeline.css",),
    )


def _build_static_parts(
    pipeline: PipelineView, revisions: Sequence[RevisionView], compared: Sequence[RevisionWithSource], *, origin: str, command: str
) -> tuple[PipelinePage, list[RevisionItem], Sequence[DiffLine]]:
    """Return the parts that show the definition, which may take long: definitions of 1 MiB are formatted and compared."""
    newest, *before = compared
    text = get_revision_text(newest)
    diff_lines = build_diff(before[0], newest, text) if before else ()
    page = build_pipeline_page(pipeline, text, origin, command)
    return page, build_revision_items(revisions, count=REVISIONS_SHOWN), diff_lines

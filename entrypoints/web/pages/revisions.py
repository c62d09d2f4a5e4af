"""A pipeline's revisions, the differences between them, and the form that makes the next one."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.queries.views.pipelines import PipelineView, RevisionView
from domain.errors import FieldProblem, InvalidInput, NameTaken, NotFound, StaleRevision
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, READ, ResourceScope, requires
from entrypoints.web.lookups import pipeline_or_404
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.pages.trigger import parse_flat_form
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.formatting import format_timestamp
from entrypoints.web.view_models.pipelines.page import format_definition
from entrypoints.web.view_models.pipelines.revisions import build_diff, build_revision_items

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
CSS = ("pipeline.css",)


@router.get("/ui/pipelines/{ref}/revisions/{number}")
@requires(READ, ResourceScope.PIPELINE)
async def revision(request: Request, ref: str, number: str, against: str = "") -> Response:
    """A revision whole, or against another one: by default the one before."""
    site = get_page_context(request)
    found = await pipeline_or_404(site, ref)
    revisions = await site.reader.revisions(found.id)
    shown = _revision(revisions, number) or _missing(number)
    if against:
        other: RevisionView | None = _revision(revisions, against) or _missing(against)
    else:
        other = next((each for each in revisions if each.revision < shown.revision), None)
    return render_page(
        request,
        "revision.html",
        section="pipelines",
        css=CSS,
        pipeline=found,
        shown=shown,
        at=format_timestamp(shown.created_at),
        text=format_definition(shown.definition),
        other=other,
        lines=build_diff(other, shown) if other else (),
        revisions=build_revision_items(revisions),
        newest=revisions[0].revision,
    )


def _revision(revisions: Sequence[RevisionView], number: str) -> RevisionView | None:
    return next((each for each in revisions if str(each.revision) == number), None)


def _missing(number: str) -> RevisionView:
    raise NotFound("revision", number)


@router.get("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def edit_form(request: Request, ref: str) -> Response:
    found = await pipeline_or_404(get_page_context(request), ref)
    return _form(request, found, format_definition(found.definition), found.revision, (), None, 200)


@router.post("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def edit(request: Request, ref: str) -> Response:
    """A new revision, if the one that was edited is still the newest; else the form again, with what was typed."""
    found = await pipeline_or_404(get_page_context(request), ref)
    form = await parse_flat_form(request)
    text, seen = form.get("definition", "").replace("\r\n", "\n"), form.get("revision", "")
    edited = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0
    try:
        await request.app.state.application.change_pipeline()(found.id, parse_definition(text), [edited], get_actor(request))
    except InvalidDefinitionText as error:
        return _form(request, found, text, edited, [FieldProblem("", str(error))], None, 422)
    except InvalidInput as error:
        return _form(request, found, text, edited, error.problems, None, 422)
    except NameTaken as error:
        return _form(request, found, text, edited, [FieldProblem("name", str(error))], None, 409)
    except StaleRevision:
        return _form(request, found, text, edited, (), found.revision, 409)
    return RedirectResponse(f"/ui/pipelines/{found.id}", 303)


def _form(
    request: Request,
    found: PipelineView,
    text: str,
    edited: int,
    problems: Sequence[FieldProblem],
    newer: int | None,
    status: int,
) -> Response:
    return render_page(
        request,
        "edit.html",
        status,
        section="pipelines",
        css=CSS,
        pipeline=found,
        text=text,
        edited=newer or edited,
        was=edited,
        newer=newer,
        problems=problems,
        rows=min(40, max(16, text.count("\n") + 3)),
    )

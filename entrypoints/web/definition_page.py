"""A pipeline's revisions, the differences between them, and the form that makes the next one."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.queries.views import PipelineView, RevisionView
from domain.errors import FieldProblem, InvalidInput, NameTaken, NotFound, Stale
from entrypoints.cli_definitions import UnreadableText, read_text
from entrypoints.http.auth.caller import person_of
from entrypoints.http.auth.permissions import DEFINE, READ, ResourceScope, requires
from entrypoints.web.forms import typed_of
from entrypoints.web.lookups import pipeline_or_404
from entrypoints.web.site import frame_of, site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.pipeline import definition_text
from entrypoints.web.view_models.revisions import diff_lines, revision_lines
from entrypoints.web.view_models.words import moment

router = APIRouter(include_in_schema=False, dependencies=[Depends(frame_of)])
CSS = ("pipeline.css",)


@router.get("/ui/pipelines/{ref}/revisions/{number}")
@requires(READ, ResourceScope.PIPELINE)
async def revision(request: Request, ref: str, number: str, against: str = "") -> Response:
    """A revision whole, or against another one: by default the one before."""
    site = site_of(request)
    found = await pipeline_or_404(site, ref)
    revisions = await site.reader.revisions(found.id)
    shown = _revision(revisions, number) or _missing(number)
    if against:
        other: RevisionView | None = _revision(revisions, against) or _missing(against)
    else:
        other = next((each for each in revisions if each.revision < shown.revision), None)
    return page(
        request,
        "revision.html",
        section="pipelines",
        css=CSS,
        pipeline=found,
        shown=shown,
        at=moment(shown.created_at),
        text=definition_text(shown.definition),
        other=other,
        lines=diff_lines(other, shown) if other else (),
        revisions=revision_lines(revisions),
        newest=revisions[0].revision,
    )


def _revision(revisions: Sequence[RevisionView], number: str) -> RevisionView | None:
    return next((each for each in revisions if str(each.revision) == number), None)


def _missing(number: str) -> RevisionView:
    raise NotFound("revision", number)


@router.get("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def edit_form(request: Request, ref: str) -> Response:
    found = await pipeline_or_404(site_of(request), ref)
    return _form(request, found, definition_text(found.definition), found.revision, (), None, 200)


@router.post("/ui/pipelines/{ref}/edit")
@requires(DEFINE, ResourceScope.PIPELINE)
async def edit(request: Request, ref: str) -> Response:
    """A new revision, if the one that was edited is still the newest; else the form again, with what was typed."""
    found = await pipeline_or_404(site_of(request), ref)
    form = await typed_of(request)
    text, seen = form.get("definition", "").replace("\r\n", "\n"), form.get("revision", "")
    edited = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0
    try:
        await request.app.state.application.change_pipeline()(found.id, read_text(text), [edited], person_of(request))
    except UnreadableText as error:
        return _form(request, found, text, edited, [FieldProblem("", str(error))], None, 422)
    except InvalidInput as error:
        return _form(request, found, text, edited, error.problems, None, 422)
    except NameTaken as error:
        return _form(request, found, text, edited, [FieldProblem("name", str(error))], None, 409)
    except Stale:
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
    return page(
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
